"""Runs trials: `python -m tests.trials [--runs 200] [--seed N]`."""

from __future__ import annotations

import shutil
import signal
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import click

from .run import Result, trial


@click.command()
@click.option("--runs", type=click.IntRange(min=1), default=200, show_default=True)
@click.option("--seed", type=int, help="Only this one, and keep what it left.")
@click.option("--first", type=int, default=1, show_default=True, help="The first seed of many.")
@click.option("--scans", type=click.IntRange(min=1), default=300, show_default=True)
@click.option("--jobs", type=click.IntRange(min=1), default=2, show_default=True)
def main(*, runs: int, seed: int | None, first: int, scans: int, jobs: int) -> None:
    """Let gate and server fail at random, and compare their books when it is quiet again."""
    # Told to stop, it finishes the runs in hand, so that no process is left behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    seeds = range(first, first + runs) if seed is None else [seed]
    bad = 0
    pool = ThreadPoolExecutor(jobs)
    try:
        for result in pool.map(partial(_one, scans=scans, keep=seed is not None), seeds):
            bad += bool(result.differences)
            _say(result)
    finally:
        pool.shutdown(cancel_futures=True)
    click.echo(f"{len(seeds) - bad} of {len(seeds)} runs of {scans} scans ended in agreement")
    sys.exit(bool(bad))


def _say(result: Result) -> None:
    click.echo(
        f"seed {result.seed}: {'ok' if not result.differences else 'BAD'},"
        f" {result.kills} kills, {result.seconds:.1f} s, {result.tally}"
    )
    for line in result.differences:
        click.echo(f"  {line}")
    if result.differences:
        click.echo(f"  again: make trials SEED={result.seed}")


def _one(seed: int, *, scans: int, keep: bool) -> Result:
    folder = Path(tempfile.mkdtemp(prefix=f"trial-{seed}-"))
    try:
        result = trial(seed, scans=scans, folder=folder)
    except (RuntimeError, OSError) as error:
        return Result(seed, [str(error)], "broken off", 0, 0)
    if keep or result.differences:
        click.echo(f"seed {seed}: {folder}")
    else:
        shutil.rmtree(folder)
    return result


if __name__ == "__main__":
    main()
