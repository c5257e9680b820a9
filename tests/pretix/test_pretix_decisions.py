"""Every row of the decision table, put to a real pretix: the same reason, or why not.

gated decides from the lists it pulled; then pretix is asked to redeem the same code at the same
time on the same lists, in their order. Rows are those of tests/unit/test_decide.py and a few more.
"""

from __future__ import annotations

import pytest
from pretix_gate import decide_all
from pretix_server import Pretix
from pretix_worlds import NOW, Scene, scenes

from gated.decide import ENTRY_CHECKS
from gated.model import Decision, Reason, ScanType, Verdict

pytest_plugins = ("pretix_fixtures",)
pytestmark = [pytest.mark.pretix, pytest.mark.timeout(60, func_only=True)]

ENTRY, EXIT = ScanType.ENTRY, ScanType.EXIT

DIFFERENCES: dict[tuple[ScanType, str], tuple[str, str]] = {}

NOT_PUT: dict[tuple[ScanType, str], str] = {}

SCENES = scenes()
PUT = {key: scene for key, scene in SCENES.items() if isinstance(scene, Scene)}


@pytest.fixture(scope="module")
def decisions(pretix: Pretix, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Decision]:
    return decide_all(pretix, tmp_path_factory.mktemp("gate"), list(PUT.values()))


def agreed(decision: Decision) -> str:
    """What pretix would say if it were of one mind with gated."""
    if decision.verdict is Verdict.REFUSE:
        return str(decision.reason)
    return "ok" if decision.verdict is Verdict.ADMIT else "ok, attention"


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
            type=str(scene.type),
            datetime=NOW.isoformat(),
            # What gated sends for a ticket that its list admits unpaid.
            ignore_unpaid=any(ticket.order_status == "n" for ticket in scene.row.found),
        )
        if answer.word.startswith("ok"):
            return answer.word
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

    assert (decision.verdict, decision.reason) == (scene.row.verdict, scene.row.reason)
    if listed is None:
        assert pretix_says == agreed(decision)
    else:
        assert pretix_says == listed[0]
        assert pretix_says != agreed(decision), "no difference any more: take it off the list"


def test_every_row_is_put_to_pretix_or_it_is_said_why_not() -> None:
    assert {key: words for key, words in SCENES.items() if isinstance(words, str)} == NOT_PUT
    assert DIFFERENCES.keys() <= PUT.keys()
