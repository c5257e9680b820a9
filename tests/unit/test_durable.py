"""What is written durably is there whole, for its owner only, with nothing left beside it."""

from __future__ import annotations

from pathlib import Path

import pytest

from gated import durable


def test_what_was_there_is_replaced_whatever_a_power_cut_left_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_bytes(b"old")
    (tmp_path / ".token.new").write_bytes(b"broken off, and longer than the new one")

    durable.write(path, b"new")

    assert {one.name: one.read_bytes() for one in tmp_path.iterdir()} == {"token": b"new"}


def test_nobody_else_may_read_it(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_bytes(b"old")
    path.chmod(0o644)

    durable.write(path, b"new")

    assert path.stat().st_mode & 0o777 == 0o600


def test_where_it_cannot_be_written_what_was_there_stays(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_bytes(b"old")
    (tmp_path / ".token.new").mkdir()

    with pytest.raises(OSError, match="directory"):
        durable.write(path, b"new")

    assert path.read_bytes() == b"old"
