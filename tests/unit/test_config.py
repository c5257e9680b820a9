"""The config: safe defaults, every mistake told at once and in words, a true example."""

from __future__ import annotations

import re
import tomllib
from operator import attrgetter
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from gated.config import Config, Scanner, Schedule, keys, load, parse
from gated.errors import ConfigError

EXAMPLE = Path(__file__).parents[2] / "config" / "gated.example.toml"
SERVER: dict[str, Any] = {
    "url": "https://tickets.example.org",
    "organizer": "demo",
    "event": "conf",
    "checkin_lists": [1],
    "token_file": "/etc/gated/token",
}


def problems_of(document: dict[str, Any]) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        parse(document)
    return [str(problem) for problem in caught.value.problems]


def server(**changes: Any) -> dict[str, Any]:
    return {"server": SERVER | changes}


def test_an_empty_file_is_a_config_of_defaults() -> None:
    assert parse({}) == Config()


def test_an_honest_guest_and_the_sd_card_are_safe_by_default() -> None:
    settings = Config()

    assert settings.privacy.names is False
    assert settings.privacy.keep_days == 30
    assert settings.web.host == "127.0.0.1"
    assert settings.metrics.host == "127.0.0.1"
    assert settings.metrics.port is None
    assert settings.gate.mode == "last"
    assert settings.gate.again_s == 8
    assert settings.policy.exit_not_inside == "refuse"
    assert settings.policy.stale_after_s == 60
    assert settings.policy.unknown_rules == "attention"
    assert settings.server.url == ""


def test_a_value_from_the_file_replaces_its_default_alone() -> None:
    settings = parse({"gate": {"name": "North"}})

    assert settings.gate.name == "North"
    assert settings.gate.again_s == Config().gate.again_s
    assert settings.panel == Config().panel


def test_metrics_are_served_where_a_port_is_given_and_not_where_it_is_false() -> None:
    assert parse({"metrics": {"port": 9464}}).metrics.port == 9464
    assert parse({"metrics": {"port": False}}).metrics.port is None


def test_a_config_does_not_change_once_it_is_loaded() -> None:
    settings = parse({})

    with pytest.raises(ValidationError):
        settings.gate.name = "South"


def test_five_mistakes_give_five_sentences_each_with_its_key() -> None:
    problems = problems_of(
        {
            "gate": {"mode": "entrance", "again_s": -1},
            "server": {"urll": "https://tickets.example.org"},
            "web": {"port": "8080"},
            "pannel": {"green": 17},
        }
    )

    assert problems == [
        "[gate] mode: must be 'exit', 'entry' or 'last', not 'entrance'",
        "[gate] again_s: must be greater than or equal to 0, not -1",
        "[server] urll: is not a key of gated (did you mean [server] url?)",
        "[web] port: must be a whole number, not '8080'",
        "[pannel]: is not a key of gated (did you mean [panel]?)",
    ]


@pytest.mark.parametrize(
    ("document", "problems"),
    [
        (
            {"server": {"token_file": "/t", "timeout_s": -1, "event": "a"}},
            [
                "[server] timeout_s: must be greater than 0, not -1",
                "[server]: token_file is set, so these are needed: url, organizer, checkin_lists",
            ],
        ),
        (
            {"server": SERVER | {"organizer": "a b"}},
            ["[server] organizer: must be the short name from the server's address, not 'a b'"],
        ),
        (
            {"server": {"token_file": "/t", "event": "a", "organizer": "a b"}},
            [
                "[server] organizer: must be the short name from the server's address, not 'a b'",
                "[server]: token_file is set, so these are needed: url, checkin_lists",
            ],
        ),
        (
            {"panel": {"green": 17, "red": 17, "volume": 200}},
            [
                "[panel] volume: must be less than or equal to 100, not 200",
                "[panel]: red and green are both on pin 17",
            ],
        ),
        # Left out, green would be on pin 17 again: that is no mistake in the file.
        (
            {"panel": {"green": 99, "red": 17}},
            ["[panel] green: must be less than or equal to 27, not 99"],
        ),
        (
            {"web": {"certificate": 5, "key": "x"}},
            ['[web] certificate: must be a text in "quotes", not 5'],
        ),
        (
            {"camera": {"source": "none"}, "scanner": [{"device": 3}]},
            ['[[scanner]] device: must be a text in "quotes", not 3'],
        ),
    ],
)
def test_wrong_values_do_not_hide_what_a_section_needs_besides(
    document: dict[str, Any], problems: list[str]
) -> None:
    assert problems_of(document) == problems


def test_the_error_as_a_whole_has_a_line_for_each_problem_and_tells_systemd_to_stop() -> None:
    with pytest.raises(ConfigError) as caught:
        parse({"gate": {"nam": "North"}, "log": {"level": "loud"}}, path="gated.toml")

    assert str(caught.value).splitlines() == [str(one) for one in caught.value.problems]
    assert caught.value.exit_status == 78
    assert caught.value.path == "gated.toml"


@pytest.mark.parametrize(
    ("document", "hint"),
    [
        ({"gate": {"nmae": "x"}}, "did you mean [gate] name?"),
        ({"policy": {"exit_not_insid": "refuse"}}, "did you mean [policy] exit_not_inside?"),
        ({"gatee": {}}, "did you mean [gate]?"),
        # Right key, wrong section or none.
        ({"server": {"port": 8080}}, "did you mean [web] port?"),
        ({"gate": {"stale_after_s": 60}}, "did you mean [policy] stale_after_s?"),
        ({"url": "https://tickets.example.org"}, "did you mean [server] url?"),
        # Nothing near it.
        ({"log": {"qqq": 1}}, "known: level"),
        ({"qqq": {}}, "sections: " + ", ".join(keys())),
    ],
)
def test_an_unknown_key_comes_with_the_nearest_that_is_right(
    document: dict[str, Any], hint: str
) -> None:
    (problem,) = problems_of(document)

    assert problem.endswith(f"is not a key of gated ({hint})")


@pytest.mark.parametrize(
    ("document", "sentence"),
    [
        ({"gate": 5}, "[gate]: must be a section, in [brackets] on a line of its own, not 5"),
        ({"gate": {"name": 5}}, '[gate] name: must be a text in "quotes", not 5'),
        ({"gate": {"name": ""}}, "[gate] name: must have at least 1 character, not ''"),
        ({"gate": {"again_s": "8"}}, "[gate] again_s: must be a number, not '8'"),
        ({"gate": {"again_s": True}}, "[gate] again_s: must be a number, not True"),
        ({"web": {"enabled": "yes"}}, "[web] enabled: must be true or false, not 'yes'"),
        ({"web": {"enabled": 1}}, "[web] enabled: must be true or false, not 1"),
        ({"web": {"port": 8080.0}}, "[web] port: must be a whole number, not 8080.0"),
        ({"web": {"port": 65536}}, "[web] port: must be less than or equal to 65535, not 65536"),
        ({"panel": {"green": 28}}, "[panel] green: must be less than or equal to 27, not 28"),
        ({"panel": {"green": True}}, "[panel] green: must be a whole number, not True"),
        ({"metrics": {"port": True}}, "[metrics] port: must be a whole number, not True"),
        ({"metrics": {"port": "9464"}}, "[metrics] port: must be a whole number, not '9464'"),
        ({"camera": {"fps": 0}}, "[camera] fps: must be greater than 0, not 0"),
        (
            {"camera": {"source": "webcam"}},
            "[camera] source: must be 'picamera2', 'files', 'scene' or 'none', not 'webcam'",
        ),
        ({"camera": {"source": "files"}}, '[camera]: source = "files" needs path'),
    ],
)
def test_a_wrong_value_is_told_in_plain_words(document: dict[str, Any], sentence: str) -> None:
    assert problems_of(document) == [sentence]


def test_a_long_value_is_shown_by_its_beginning() -> None:
    (problem,) = problems_of({"gate": {"name": "x" * 10_000}})

    assert len(problem) < 200


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -1, 1e300])
def test_no_number_is_accepted_with_which_nobody_can_count(number: float) -> None:
    assert len(problems_of({"policy": {"stale_after_s": number}})) == 1
    assert len(problems_of({"gate": {"again_s": number}})) == 1


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("https://tickets.example.org", "https://tickets.example.org"),
        ("https://tickets.example.org/", "https://tickets.example.org"),
        ("https://tickets.example.org:8443/tickets/", "https://tickets.example.org:8443/tickets"),
        ("http://localhost:8345", "http://localhost:8345"),
        ("http://127.0.0.1:8345/", "http://127.0.0.1:8345"),
        ("http://[::1]:8345", "http://[::1]:8345"),
    ],
)
def test_an_address_is_kept_without_the_slash_at_its_end(url: str, kept: str) -> None:
    assert parse(server(url=url)).server.url == kept


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        ("http://tickets.example.org", "must be https"),
        ("http://127.0.0.1.example.org", "must be https"),
        ("http://192.0.2.7", "must be https"),
        ("tickets.example.org", "must look like"),
        ("ftp://tickets.example.org", "must look like"),
        ("https://", "must look like"),
        ("https://:8443", "must look like"),
        ("https://[tickets", "must look like"),
        ("https://tickets.example.org:99999", "must look like"),
        ("https://tickets.example.org:port", "must look like"),
        (" https://tickets.example.org", "must look like"),
        ("https://tick ets.example.org", "must look like"),
        ("https://tickets.example.org\n", "must look like"),
        ("https://tickets.example.org?token=1", "must be a plain address"),
        ("https://tickets.example.org#top", "must be a plain address"),
        ("https://user@tickets.example.org", "must be a plain address"),
    ],
)
def test_an_address_that_cannot_be_used_or_leaks_the_token_is_refused(
    url: str, complaint: str
) -> None:
    (problem,) = problems_of(server(url=url))

    assert problem.startswith(f"[server] url: {complaint}")


@pytest.mark.parametrize(
    "url",
    [
        "https://user:hunter2@tickets.example.org",
        "http://user:hunter2@tickets.example.org",
        "ftp://user:hunter2@tickets.example.org",
        "https://user:hunter2@[tickets",
        "https://tickets.example.org/?token=hunter2",
    ],
)
def test_a_password_in_an_address_is_refused_and_not_shown(url: str) -> None:
    (problem,) = problems_of(server(url=url))

    assert problem.startswith("[server] url: must ")
    assert "hunter2" not in problem


@pytest.mark.parametrize("slug", ["de mo", "demo/", "../demo", "dämo", "demo?"])
@pytest.mark.parametrize("key", ["organizer", "event"])
def test_a_short_name_is_not_an_address(key: str, slug: str) -> None:
    (problem,) = problems_of(server(**{key: slug}))

    assert problem.startswith(f"[server] {key}: must be the short name")


@pytest.mark.parametrize(
    ("lists", "sentence"),
    [
        ([1, 2, 1], "[server] checkin_lists: names a list twice, not [1, 2, 1]"),
        (1, "[server] checkin_lists: must be a list such as [1, 2], not 1"),
        ([0], "[server] checkin_lists.0: must be greater than or equal to 1, not 0"),
        ([1, "2"], "[server] checkin_lists.1: must be a whole number, not '2'"),
        ([True], "[server] checkin_lists.0: must be a whole number, not True"),
    ],
)
def test_check_in_lists_are_different_numbers(lists: object, sentence: str) -> None:
    assert problems_of(server(checkin_lists=lists)) == [sentence]


def test_check_in_lists_keep_their_order_of_priority() -> None:
    assert parse(server(checkin_lists=[3, 1, 2])).server.checkin_lists == (3, 1, 2)


def test_a_token_needs_everything_that_belongs_to_it_told_at_once() -> None:
    assert problems_of({"server": {"token_file": "/etc/gated/token"}}) == [
        "[server]: token_file is set, so these are needed: url, organizer, event, checkin_lists"
    ]
    assert problems_of(server(event="", checkin_lists=[])) == [
        "[server]: token_file is set, so these are needed: event, checkin_lists"
    ]


def test_without_a_token_an_address_is_only_where_the_gate_may_be_enrolled() -> None:
    assert parse({"server": {"url": SERVER["url"]}}).server.url == SERVER["url"]


def test_without_an_address_nothing_of_the_server_is_needed() -> None:
    assert parse({"server": {"pull_s": 5}}).server.checkin_lists == ()


def test_two_lamps_cannot_be_on_one_pin() -> None:
    assert problems_of({"panel": {"green": 4, "buzzer": 4}}) == [
        "[panel]: buzzer and green are both on pin 4"
    ]
    assert problems_of({"panel": {"button": 17}}) == [
        "[panel]: button and green are both on pin 17"
    ]


def test_a_gate_may_be_without_a_lamp_a_buzzer_or_a_button() -> None:
    panel = parse({"panel": {"buzzer": False, "button": False, "green": 18}}).panel

    assert panel.buzzer is None
    assert panel.button is None
    assert panel.green == 18


def test_the_control_socket_is_where_the_file_says_else_beside_the_database() -> None:
    named = parse({"control": {"socket": "/tmp/gate.sock"}})
    unnamed = parse({"store": {"path": "/srv/gate/list.db"}})

    assert named.control_socket == Path("/tmp/gate.sock")
    assert unnamed.control_socket in {
        Path("/srv/gate/control.sock"),
        Path("/run/gated/control.sock"),
    }


def test_the_key_lies_beside_the_database_and_not_in_it() -> None:
    assert parse({"store": {"path": "/srv/gate/list.db"}}).key_file == Path("/srv/gate/list.key")


def written(folder: Path, content: str | bytes) -> Path:
    file = folder / "gated.toml"
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return file


def problem_of_file(file: Path) -> str:
    with pytest.raises(ConfigError) as caught:
        load(file)
    (problem,) = caught.value.problems
    assert caught.value.path == str(file)
    return str(problem)


def test_a_file_is_loaded(tmp_path: Path) -> None:
    file = written(tmp_path, '[gate]\nname = "Tor Süd"\n')

    assert load(file).gate.name == "Tor Süd"


def test_the_problems_of_a_file_carry_its_path(tmp_path: Path) -> None:
    assert problem_of_file(written(tmp_path, "[log]\nlevel = 1\n")).startswith("[log] level: ")


def test_a_missing_file_is_told_and_where_to_find_an_example(tmp_path: Path) -> None:
    problem = problem_of_file(tmp_path / "none.toml")

    assert "there is no such file (see config/gated.example.toml)" in problem


@pytest.mark.parametrize("content", ["[gate\n", "name: gate", "[gate]\n[gate]\n", "a = 1\na = 2\n"])
def test_what_is_not_toml_is_told_with_its_line(tmp_path: Path, content: str) -> None:
    problem = problem_of_file(written(tmp_path, content))

    assert "is not TOML: " in problem
    assert "line " in problem


def test_a_file_that_is_no_text_is_told(tmp_path: Path) -> None:
    assert "cannot be read: " in problem_of_file(written(tmp_path, b"\xff\xfe\x00"))


def test_a_folder_in_the_place_of_the_file_is_told(tmp_path: Path) -> None:
    assert "cannot be read: " in problem_of_file(tmp_path)


def test_every_section_and_key_is_known_by_name() -> None:
    known = keys()

    whole = {name for name in known if "." not in name}
    assert whole | {"signals", "status"} == set(Config.model_fields)
    assert known["panel.mode"][:2] == ("kind", "key_closed")
    assert known["privacy"] == ("names", "keep_days")
    assert known["panel"][:3] == ("kind", "pin_factory", "green")


@pytest.mark.parametrize(
    ("formats", "sentence"),
    [
        ([], "[camera] formats: "),
        (["qr", "ean13"], "[camera] formats.1: must be 'qr', 'aztec', 'pdf417', "),
        ("qr", "[camera] formats: must be a list such as [1, 2], not 'qr'"),
    ],
)
def test_only_kinds_of_codes_that_are_known_can_be_asked_for(formats: Any, sentence: str) -> None:
    (problem,) = problems_of({"camera": {"formats": formats}})

    assert problem.startswith(sentence)


@pytest.mark.parametrize(
    ("document", "sentence"),
    [
        (
            {"camera": {"source": "none"}},
            '[[scanner]]: is needed where [camera] source = "none"',
        ),
        ({"scanner": [{}]}, "[[scanner]] device: is needed"),
        (
            {"scanner": [{"device": "/dev/ttyS0"}, {"device": "/dev/ttyS1", "baud": 9601}]},
            "[[scanner]] baud of number 2: must be 1200, ",
        ),
        ({"scanner": [{"device": "a"}, {"device": "a"}]}, "[[scanner]]: names a device twice"),
        (
            {"scanner": [{"device": "a", "bauds": 9600}]},
            "[[scanner]] bauds: is not a key of gated (did you mean [[scanner]] baud?)",
        ),
        (
            {"scanner": [{"device": "a", "zz": 1}]},
            "[[scanner]] zz: is not a key of gated (known: device, baud, suffix, prefix)",
        ),
        ({"scanner": {"device": "a"}}, "[[scanner]]: must be"),
    ],
)
def test_what_is_wrong_with_a_scanner_is_told(document: Any, sentence: str) -> None:
    (problem,) = problems_of(document)

    assert problem.startswith(sentence)


def test_a_scanner_can_stand_in_for_the_camera() -> None:
    settings = parse({"camera": {"source": "none"}, "scanner": [{"device": "/dev/ttyACM0"}]})

    assert settings.scanner == (Scanner(device="/dev/ttyACM0"),)


KEY = re.compile(r"(?P<off># )?(?P<key>\w+) = (?P<value>.+)")
NEEDED = {
    "scanner": Scanner(device="/dev/ttyACM0"),
    "schedule": Schedule(at="20:00", action="exit"),
}
"""Sections of which there may be none, or several, with what each needs."""
SECTION = re.compile(r"(?:# \[)?\[(?P<section>[\w.]+)\]")


def example_lines() -> list[tuple[str, str, str, bool]]:
    """Section, key, value and whether it is switched off, for every key of the example."""
    lines = []
    section = ""
    for line in EXAMPLE.read_text(encoding="utf-8").splitlines():
        if match := SECTION.match(line):
            section = match["section"]
        elif match := KEY.fullmatch(line):
            lines.append((section, match["key"], match["value"], bool(match["off"])))
    return lines


def test_the_example_loads_as_it_is() -> None:
    settings = load(EXAMPLE)

    assert settings == Config()


def test_the_example_has_every_section_and_key_once_and_in_the_order_of_the_code() -> None:
    written_down = [(section, key) for section, key, _, _ in example_lines()]

    assert written_down == [(section, key) for section, names in keys().items() for key in names]
    sections = [name for name in keys() if name not in NEEDED and "." not in name]
    assert list(tomllib.loads(EXAMPLE.read_text(encoding="utf-8"))) == sections


@pytest.mark.parametrize(
    ("section", "key", "value"),
    [
        pytest.param(section, key, value, id=f"{section}.{key}")
        for section, key, value, off in example_lines()
        if off
    ],
)
def test_a_value_that_the_example_calls_the_default_is_it(
    section: str, key: str, value: str
) -> None:
    given = tomllib.loads(f"value = {value}")["value"]
    given = tuple(given) if isinstance(given, list) else given
    whole = NEEDED.get(section) or attrgetter(section)(Config())
    default = getattr(whole, key)
    if default is None:
        outer, _, inner = section.partition(".")
        document = {outer: {inner: {key: given}} if inner else {key: given}}
        given = attrgetter(f"{section}.{key}")(parse(document))

    assert given == default
    assert type(given) is type(default)


def test_every_key_of_the_example_is_explained() -> None:
    blocks = EXAMPLE.read_text(encoding="utf-8").split("\n\n")
    unexplained = [
        line
        for block in blocks
        if (lines := [line for line in block.strip().splitlines() if line])
        for line in lines[:1]
        if KEY.fullmatch(line)
    ]

    assert unexplained == []


def test_the_example_switched_on_whole_is_a_config_too() -> None:
    whole = KEY.sub(r"\g<key> = \g<value>", EXAMPLE.read_text(encoding="utf-8"))
    for section in NEEDED:
        whole = whole.replace(f"# [[{section}]]", f"[[{section}]]")
    several = {section: (one,) for section, one in NEEDED.items()}

    assert parse(tomllib.loads(whole)) == load(EXAMPLE).model_copy(update=several)
