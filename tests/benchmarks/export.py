"""The whole ledger as CSV and JSON lines, beside a bare SELECT and csv.writer; guests meanwhile."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from rig import Process

from gated.config import Policy
from gated.model import ScanType
from gated.store import Store
from gated.store.redeem import Asking, Redemption, redeem
from gated.store.rows import stamp

from .memory import Memory
from .table import Spread, Table

_NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
_KIB = 1024
_EVERY_S = 0.05
_INSERT = (
    "INSERT INTO scans (nonce, sighting, type, list_id, position_id, order_code, secret_hash,"
    " verdict, reason, at, dated, sent_at, boot_id, monotonic_ns, eye, state, key)"
    " VALUES (?1, ?1, ?2, 1, ?3, ?4, x'00', ?5, ?6, ?7, ?7, ?7, '', 0, 'camera', ?8, ?1)"
)
_BARE = """
import csv, sqlite3, sys
rows = sqlite3.connect(sys.argv[1]).execute(
    "SELECT at, clock, type, verdict, reason, order_code, position_id, list_id, state, attempts,"
    " sent_at, server_reason, server_message, nonce, eye FROM scans ORDER BY id")
csv.writer(sys.stdout, lineterminator="\\n").writerows(rows)
"""


@dataclass(frozen=True, slots=True)
class Run:
    """One export: the CPU it took, and bytes of memory at most above what it had at its start."""

    cpu_s: float
    grown: int


def run(size: int = 1_000_000) -> list[Table]:
    """Measure with a ledger of `size` scans, beside one of a twentieth of it."""
    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(_measure(Path(folder), size))


async def _measure(folder: Path, size: int) -> list[Table]:
    rows = []
    for number in (size // 20, size):
        place = folder / str(number)
        place.mkdir()
        await _fill(place, number)
        bare = await _export(place, _bare(place))
        rows.append(_row(f"bare SELECT and csv.writer, {number:,}", number, bare, bare))
        for style in ("csv", "jsonl"):
            ours = await _export(place, _gated(place, style))
            rows.append(_row(f"gated scans --format {style}, {number:,}", number, ours, bare))
    return [
        Table(
            "Exporting the ledger",
            ("what, scans", "scans a second of CPU", "CPU, of bare", "memory grown"),
            tuple(rows),
            ("memory: at its most, above what the process had when its first lines came",),
        ),
        await _meanwhile(folder / str(size)),
    ]


async def _meanwhile(folder: Path) -> Table:
    """A scan every now and then, as a guest would be answered: look-up, decision, durable row."""
    async with Store(folder / "gated.db", folder / "gated.key") as store:
        quiet = asyncio.create_task(asyncio.sleep(100 * _EVERY_S))
        alone, _ = await _scan_until(quiet, store, folder)
        exporting = asyncio.create_task(_export(folder, _gated(folder, "csv")))
        beside, log = await _scan_until(exporting, store, folder)
        await exporting
    return Table(
        "A guest's scan meanwhile, in milliseconds",
        ("the ledger", "scans", "median", "p99"),
        tuple(
            (name, str(spread.count), f"{spread.median:.1f}", f"{spread.p99:.1f}")
            for name, spread in (("is left alone", alone), ("is exported", beside))
        ),
        (f"the write-ahead log grew to {log / _KIB:,.0f} KiB at most (SQLite aims at 4,000)",),
    )


async def _scan_until(
    done: asyncio.Task[Run] | asyncio.Task[None], store: Store, folder: Path
) -> tuple[Spread, int]:
    """The waits in milliseconds, and the largest the write-ahead log was."""
    waits: list[float] = []
    largest = 0
    while not done.done() or not waits:
        redemption = Redemption(
            nonce=str(uuid.uuid4()),
            type=ScanType.EXIT,
            secret_hash=store.vault.hash(f"nobody {len(waits)}"),
            at=_NOON,
            lists=(1,),
            policy=Policy(),
        )
        started = time.perf_counter()
        await store.write(partial(redeem, redemption=redemption, asking=Asking.AWAY))
        waits.append((time.perf_counter() - started) * 1000)
        largest = max(largest, (folder / "gated.db-wal").stat().st_size)
        await asyncio.sleep(_EVERY_S)
    return Spread.of(waits), largest


async def _export(folder: Path, command: list[str]) -> Run:
    return await asyncio.to_thread(_exported, folder / "export", command)


def _exported(target: Path, command: list[str]) -> Run:
    with target.open("wb") as file:
        process = subprocess.Popen(command, stdout=file)
    ended = os.WEXITED | os.WNOWAIT
    while not target.stat().st_size:
        if os.waitid(os.P_PID, process.pid, ended | os.WNOHANG):
            break  # it was quicker than we look
        time.sleep(0.002)
    with Memory(process.pid) as memory:
        os.waitid(os.P_PID, process.pid, ended)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return Run(usage.ru_utime + usage.ru_stime, memory.grown)


async def _fill(folder: Path, size: int) -> None:
    async with Store(folder / "gated.db", folder / "gated.key") as store:
        await store.write(lambda db: db.executemany(_INSERT, _scans(size)))


def _scans(size: int) -> Iterator[tuple[str, str, int, str, str, str, str, str]]:
    """A scan a second; every tenth is refused."""
    for number in range(size):
        nonce = str(uuid.UUID(int=number * 0x9E3779B97F4A7C15F39CC0605CEDC835 % 2**128))
        told = ("admit", "entered", "confirmed") if number % 10 else ("refuse", "invalid", "local")
        verdict, reason, state = told
        at = stamp(_NOON + timedelta(seconds=number))
        person = number % 20_000
        kind = "entry" if number % 2 else "exit"
        yield nonce, kind, person, f"O{person:05d}", verdict, reason, at, state


def _bare(folder: Path) -> list[str]:
    return [sys.executable, "-c", _BARE, str(folder / "gated.db")]


def _gated(folder: Path, style: str) -> list[str]:
    config = Process("http://127.0.0.1:1", folder).config
    return [sys.executable, "-m", "gated", "scans", "-c", str(config), "--format", style]


def _row(name: str, size: int, one: Run, bare: Run) -> tuple[str, ...]:
    ratio = one.cpu_s / bare.cpu_s
    return (name, f"{size / one.cpu_s:,.0f}", f"{ratio:.1f}", f"{one.grown / _KIB:,.0f} KiB")
