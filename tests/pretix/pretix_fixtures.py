"""The real pretix that all tests of a run share."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from pretix_environment import prepare
from pretix_scenes import decision_table
from pretix_server import Pretix
from pretix_worlds import conference, together


@pytest.fixture(scope="session")
def pretix(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pretix]:
    """Pretix on loopback with a conference, a crowd and the decision table."""
    environment = prepare()
    world = together(conference(datetime.now(UTC)), decision_table())
    server = Pretix(environment, tmp_path_factory.mktemp("pretix"), world)
    started = time.monotonic()
    server.seed()
    server.start()
    print(f"pretix seeded and up in {time.monotonic() - started:.0f} s", file=sys.stderr)  # noqa: T201  told by `make test-pretix`
    yield server
    server.kill()
