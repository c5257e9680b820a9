"""Reading a config file, and telling what is wrong with it: every problem at once."""

from __future__ import annotations

import copy
import difflib
import re
import tomllib
from typing import TYPE_CHECKING, Any, get_args

from pydantic import BaseModel, ValidationError

from gated.config.base import Section
from gated.config.sections import Config
from gated.errors import ConfigError, Problem

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from pathlib import Path

    from pydantic.fields import FieldInfo
    from pydantic_core import ErrorDetails


def load(path: Path, *, only: Collection[str] = ()) -> Config:
    """Read a config file; of `only` some sections, whatever is wrong with the others.

    Raises ConfigError with every problem found, each with its key.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise _broken(path, "there is no such file", "see config/gated.example.toml") from None
    except (OSError, UnicodeDecodeError) as error:
        raise _broken(path, f"cannot be read: {_why(error)}", "try it with sudo") from None
    except tomllib.TOMLDecodeError as error:
        raise _broken(path, f"is not TOML: {error}") from None
    if only:
        document = {name: document[name] for name in only if name in document}
    return parse(document, path=str(path))


def parse(document: dict[str, Any], *, path: str = "") -> Config:
    """Turn a TOML document into a Config.

    Raises ConfigError with every problem found, each with its key.
    """
    try:
        return Config.model_validate(document)
    except ValidationError as error:
        found = error.errors(include_url=False)
    problems = [_problem(details) for details in found]
    raise ConfigError([*problems, *_hidden(document, found, problems)], path=path)


def _hidden(
    document: dict[str, Any], found: Sequence[ErrorDetails], problems: Sequence[Problem]
) -> list[Problem]:
    """What is only seen of a section once each of its values is right: what else it needs."""
    without = copy.deepcopy(document)
    wrong = {_drop(without, details["loc"]) for details in found}
    try:
        Config.model_validate(without)
    except ValidationError as error:
        more = [_problem(details, present=wrong) for details in error.errors(include_url=False)]
        # What names a value that was left out may be wrong only without it.
        return [
            one
            for one in more
            if one not in problems and not wrong & set(re.findall(r"\w+", str(one)))
        ]
    return []


def _drop(document: dict[str, Any], location: Sequence[int | str]) -> str:
    """Take out the value there, unless it is a section; return its key, or an empty text."""
    place: Any = document
    for key, following in zip(location, [*location[1:], None], strict=True):
        inside = place.get(key)
        if isinstance(inside, dict) and following is not None:
            place = inside
        elif isinstance(inside, dict) and place is document:
            return ""
        else:
            place.pop(key, None)
            return str(key)
    return ""


def keys() -> dict[str, tuple[str, ...]]:
    """Every section with its keys, in the order of the code; one within another as "a.b"."""
    return dict(_keys(Config, ""))


def _keys(section: type[Section], path: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    for name, field in section.model_fields.items():
        if kind := _section_of(field):
            inner = [key for key, one in kind.model_fields.items() if not _section_of(one)]
            yield f"{path}{name}", tuple(inner)
            yield from _keys(kind, f"{path}{name}.")


def _section_of(field: FieldInfo) -> type[Section] | None:
    """The section that a key of the config is, or is a list of."""
    for kind in (field.annotation, *get_args(field.annotation)[:1]):
        if isinstance(kind, type) and issubclass(kind, Section):
            return kind
    return None


def _why(error: Exception) -> str:
    return getattr(error, "strerror", None) or "it is not text"


def _broken(path: Path, what: str, hint: str = "") -> ConfigError:
    return ConfigError([Problem(str(path), what, hint)], path=str(path))


def _problem(details: ErrorDetails, *, present: Collection[str] = ()) -> Problem:
    """An error of pydantic's in our words; of needed keys only those that are not there."""
    location = [str(part) for part in details["loc"] if part != "[key]"]
    number = 0
    if location[0] in _TABLES and len(location) > 1:
        number = int(location.pop(1))
    key = _dotted(location) + (f" of number {number + 1}" if number else "")
    if details["type"] == "extra_forbidden":
        known = keys()
        inside = ".".join(location[:-1])
        names = known.get(inside, ()) if inside else tuple(Config.model_fields)
        near = difflib.get_close_matches(location[-1], names, n=1, cutoff=0.5)
        return Problem(key, "is not a key of gated", _suggest(location, near, known))
    given = details["input"]
    hidden = isinstance(given, dict | BaseModel) or details["type"] == "secret"
    shown = "" if hidden else f", not {given!r:.60}"
    return Problem(key, _sentence(details, present) + shown)


def _suggest(location: list[str], near: list[str], known: dict[str, tuple[str, ...]]) -> str:
    if near:
        return f"did you mean {_dotted([*location[:-1], near[0]])}?"
    if location[0] in _TABLES:
        return "known: " + ", ".join(known[location[0]])
    homes = [section for section, names in known.items() if location[-1] in names]
    if homes:
        return f"did you mean [{homes[0]}] {location[-1]}?"
    if inside := known.get(".".join(location[:-1])):
        return "known: " + ", ".join(inside)
    return "sections: " + ", ".join(known)


_TABLES = ("scanner", "schedule")
"""Sections of which there may be several, as [[scanner]]."""

_PLAIN = {
    "missing": "is needed",
    "model_type": "must be a section, in [brackets] on a line of its own",
    "tuple_type": "must be a list such as [1, 2]",
    "int_type": "must be a whole number",
    "float_type": "must be a number",
    "bool_type": "must be true or false",
    "string_type": 'must be a text in "quotes"',
}


def _sentence(details: ErrorDetails, present: Collection[str]) -> str:
    if keys := details.get("ctx", {}).get("keys"):
        needed = keys.split(", ")
        missing = ", ".join(key for key in needed if key not in present) or keys
        return details["msg"].replace(keys, missing)
    if plain := _PLAIN.get(details["type"]):
        return plain
    message = details["msg"]
    for old, new in (("Input should be ", "must be "), ("String should ", "must ")):
        message = message.replace(old, new)
    return message


def _dotted(location: list[str]) -> str:
    """As the file has it: the section that the key stands in, then the key."""
    known, depth = keys(), 1
    while depth < len(location) and ".".join(location[: depth + 1]) in known:
        depth += 1
    section, key = ".".join(location[:depth]), ".".join(location[depth:])
    bracketed = f"[[{section}]]" if section in _TABLES else f"[{section}]"
    return f"{bracketed} {key}".rstrip()
