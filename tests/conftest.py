"""What all tests share."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio
from hypothesis import settings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from playwright.async_api import Browser

# No test asserts a time, and a loaded machine is no failure.
settings.register_profile("gated", deadline=None)
settings.load_profile("gated")

_ASKED_FOR = {
    "hardware": "needs a Raspberry Pi: pytest --hardware tests/hardware",
    "pretix": "needs a pretix of its own from PyPI: make test-pretix",
}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--hardware", action="store_true", help="also run the tests that need a wired Raspberry Pi"
    )
    parser.addoption(
        "--pretix",
        action="store_true",
        help="also run tests/pretix, which installs a real pretix in a folder of its own",
    )


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "pretix: needs a real pretix; run with --pretix")
    # Tests before a real pretix borrow the rig and the table of decisions.
    tests = Path(__file__).parent
    sys.path += [str(tests / "integration"), str(tests / "unit")]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for word, why in _ASKED_FOR.items():
        if config.getoption(f"--{word}"):
            continue
        skip = pytest.mark.skip(reason=why)
        for item in items:
            if item.get_closest_marker(word):
                item.add_marker(skip)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def chromium() -> AsyncIterator[Browser]:
    """A headless browser, for modules that are `in_browser`."""
    # Only they need its library, and it is a large one.
    from browser import browsing

    async with browsing() as browser:
        yield browser
