"""Every row of the decision table, put to a real pretix: the same reason, or why not.

gated decides from the lists it pulled; then pretix is asked to redeem the same code at the same
time on the same lists, in their order. Rows are those of tests/unit/test_decide.py and a few more.
"""

from __future__ import annotations

import pytest
from pretix_gate import decide_all
from pretix_scenes import Scene, scenes
from pretix_server import Pretix
from test_decide import NOW

from gated.decide import ENTRY_CHECKS
from gated.model import Decision, Reason, ScanType, Verdict

pytest_plugins = ("pretix_fixtures",)
pytestmark = [pytest.mark.pretix, pytest.mark.timeout(60, func_only=True)]

ENTRY, EXIT = ScanType.ENTRY, ScanType.EXIT

# Pretix 2026.8.0. What differs, what pretix says, and why gated stays with its own answer.
NO_CANCELED_POSITIONS = "pretix looks up no canceled position: to it the code is of nobody"
ANY_EXIT = "pretix records an exit of anybody, also of who never came in or left already"
CHECKS_EXITS = (
    "pretix checks an exit as an entry but for time and rules: people must be able to leave, so"
    " gated lets them out and tells it with force"
)
BY_CODE = "a code may mean three positions to pretix; gated tells each by its id"
STRICT_ABOUT_THE_TICKET = "on a list of add-ons pretix looks at the add-on only"
STRICT_ABOUT_ADDONS = "of two add-ons pretix leaves out the one that is not valid now"

DIFFERENCES: dict[tuple[ScanType, str], tuple[str, str]] = {
    **dict.fromkeys(
        [
            (ENTRY, "canceled position: gone from the server's list"),
            (EXIT, "inside, position canceled since"),
        ],
        ("invalid", NO_CANCELED_POSITIONS),
    ),
    (ENTRY, "the ticket is blocked, its add-on is not"): ("ok", STRICT_ABOUT_THE_TICKET),
    (ENTRY, "the ticket is outdated, its add-on is not"): ("ok", STRICT_ABOUT_THE_TICKET),
    (ENTRY, "two add-ons, one of them outdated"): ("ok", STRICT_ABOUT_ADDONS),
    **dict.fromkeys(
        [
            (EXIT, "inside on a list that is not ours"),
            (EXIT, "never came in, the server agrees"),
            (EXIT, "never came in, on the list of the product"),
            (EXIT, "left already"),
            (EXIT, "left already, policy attention is for strangers"),
            (EXIT, "left just now, cannot be back so soon"),
            (EXIT, "left exactly so long ago"),
            (EXIT, "left, by a clock ahead of ours"),
            (EXIT, "left long ago, no re-entry"),
            (EXIT, "left without ever coming in"),
            (EXIT, "left both lists: recorded where last"),
            (EXIT, "the add-on came in by its own code"),
            (EXIT, "the add-on left"),
        ],
        ("ok", ANY_EXIT),
    ),
    (EXIT, "inside, product not on the list"): ("product", CHECKS_EXITS),
    (EXIT, "somebody else's add-on is inside"): ("product", CHECKS_EXITS),
    (EXIT, "inside, now unpaid"): ("unpaid", CHECKS_EXITS),
    (EXIT, "never came in, canceled"): ("canceled", CHECKS_EXITS),
    (EXIT, "never came in, canceled, as far as we know"): ("canceled", CHECKS_EXITS),
    (EXIT, "inside as an add-on that is blocked now"): ("blocked", CHECKS_EXITS),
    (EXIT, "inside, blocked since"): ("blocked", CHECKS_EXITS),
    (EXIT, "inside, canceled since"): ("canceled", CHECKS_EXITS),
    (EXIT, "inside, expired since"): ("canceled", CHECKS_EXITS),
    (EXIT, "inside, with a new code since"): ("revoked", CHECKS_EXITS),
    (EXIT, "inside, approval withdrawn"): ("unapproved", CHECKS_EXITS),
    (EXIT, "inside as both"): ("ambiguous", BY_CODE),
    (EXIT, "inside as two add-ons"): ("ambiguous", BY_CODE),
}

# Where what pretix tells is not what the row starts from, and what gated says then.
OTHERWISE: dict[tuple[ScanType, str], tuple[Verdict, Reason]] = {
    # A list does not show the check-ins of a product that it does not (or no longer) cover.
    (EXIT, "inside, product not on the list"): (Verdict.REFUSE, Reason.NOT_CHECKED_IN),
    # The rows know nothing of the event; pretix tells its dates, so the rules can be evaluated.
    **dict.fromkeys(
        [
            (ENTRY, "D16 rules, refused by policy"),
            (ENTRY, "D16 rules, with attention"),
            (ENTRY, "D16 rules for the add-on, with attention"),
            (ENTRY, "a list with unknown rules admits before a plain one"),
        ],
        (Verdict.ADMIT, Reason.ENTERED),
    ),
}

ONCE = "pretix gives no code twice, not even that of a canceled ticket"
DATED = "in a series every ticket has a date"
NOT_PUT: dict[tuple[ScanType, str], str] = {
    (ENTRY, "D12 no date at all"): DATED,
    (ENTRY, "wrong date got further than product"): DATED,
    (ENTRY, "unpaid got further than the wrong date"): DATED,
    (EXIT, "inside, another date of the series"): DATED,
    (ENTRY, "two live tickets with one code"): ONCE,
    (ENTRY, "a code that was another ticket's before"): ONCE,
    (ENTRY, "a code that came with a canceled order before"): ONCE,
    (ENTRY, "two dead tickets with one code"): ONCE,
    (ENTRY, "the dead one's add-on opens no door"): ONCE,
    (EXIT, "the live one is inside"): ONCE,
    (EXIT, "the former one is inside"): ONCE,
    (EXIT, "the canceled one is inside"): ONCE,
    (EXIT, "one of two dead ones is inside"): ONCE,
    (EXIT, "one of two live ones is inside"): ONCE,
    (EXIT, "both live ones are inside: one of them leaves"): ONCE,
    (EXIT, "live and former are inside: the live one leaves"): ONCE,
    (EXIT, "neither of two live ones is inside"): ONCE,
}

SCENES = scenes()
PUT = {key: scene for key, scene in SCENES.items() if isinstance(scene, Scene)}


@pytest.fixture(scope="module")
def decisions(pretix: Pretix, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Decision]:
    return decide_all(pretix, tmp_path_factory.mktemp("gate"), list(PUT.values()))


def agreed(decision: Decision) -> str:
    """What pretix would say if it were of one mind with gated."""
    if decision.verdict is Verdict.REFUSE:
        return str(decision.reason)
    # Other attention is about what the gate knows, of which pretix has no idea.
    wanted = decision.verdict is Verdict.ATTENTION and decision.reason is Reason.ENTERED
    return "ok, attention" if wanted else "ok"


async def asked(pretix: Pretix, scene: Scene, decision: Decision) -> str:
    """What pretix says: the first list that admits, else the reason that got furthest."""
    ids = {pretix.lists[key]: key for key in scene.lists}
    keys = scene.lists
    if scene.type is EXIT:
        keys = tuple(ids[stay.list_id] for stay in decision.stays)
    words = []
    for key in keys:
        answer = await pretix.redeem(
            scene.event,
            key,
            scene.secret,
            token="full",
            type=str(scene.type),
            datetime=NOW.isoformat(),
            # What gated sends for a ticket that its list admits unpaid.
            ignore_unpaid=any(ticket.order_status == "n" for ticket in scene.row.found),
        )
        if answer.word.startswith("ok"):
            # A ticket that wants attention wants it from pretix at the exit as well.
            return answer.word if scene.type is ENTRY else "ok"
        words.append(answer.word)
    return max(words, key=lambda word: _ORDER.index(word) if word in _ORDER else -1)


_ORDER = [str(reason) for reason in ENTRY_CHECKS]


@pytest.mark.parametrize("key", PUT, ids=lambda key: f"{key[0]}: {key[1]}")
async def test_pretix_says_the_same_or_the_difference_is_listed(
    pretix: Pretix, decisions: dict[str, Decision], key: tuple[ScanType, str]
) -> None:
    scene = PUT[key]
    decision = decisions[scene.key]
    pretix_says = await asked(pretix, scene, decision)
    listed = DIFFERENCES.get(key)

    expected = OTHERWISE.get(key, (scene.row.verdict, scene.row.reason))
    assert (decision.verdict, decision.reason) == expected
    if listed is None:
        assert pretix_says == agreed(decision)
    else:
        assert pretix_says == listed[0]
        assert pretix_says != agreed(decision), "no difference any more: take it off the list"


def test_every_row_is_put_to_pretix_or_it_is_said_why_not() -> None:
    assert {key: words for key, words in SCENES.items() if isinstance(words, str)} == NOT_PUT
    assert DIFFERENCES.keys() | OTHERWISE.keys() <= PUT.keys()
