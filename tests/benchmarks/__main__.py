"""`make bench`: measure every part, print the table, and put it into the docs."""

from __future__ import annotations

import argparse
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn

from benchmarks import machine, night, page
from benchmarks.kept import Kept
from benchmarks.outcome import Outcome
from benchmarks.parts import filling, ledger
from benchmarks.parts.audit import audit
from benchmarks.parts.batches import batches
from benchmarks.parts.growth import growth
from benchmarks.parts.imports import imports
from benchmarks.parts.limits import limits, shared
from benchmarks.parts.memory import memory
from benchmarks.parts.nothing import nothing
from benchmarks.parts.scheduler import scheduler
from benchmarks.parts.seen import seen
from benchmarks.parts.shares import shares
from benchmarks.parts.singles import cost, latency
from benchmarks.race import ROOT, Effort, environment

PARTS: Mapping[str, Callable[[Effort, Path], Outcome]] = {
    "cost": cost,
    "latency": latency,
    "batches": batches,
    "memory": memory,
    "scheduler": scheduler,
    "nothing": nothing,
    "limits": limits,
    "shared": shared,
    "import": imports,
    "ledger-plan": ledger.plan,
    "ledger-growth": growth,
    "ledger-fill": filling.fill,
    "ledger-size": filling.size,
    "ledger-requests": ledger.requests,
    "ledger-overhead": ledger.overhead,
    "history": ledger.history,
    "ledger-beside": ledger.beside,
    "shares": shares,
    "audit": audit,
    "page": seen,
}
MOST_SECONDS = 1800
"""A part that takes longer hangs: it is broken off, and the others are measured all the same."""
PAGE = ROOT / "docs" / "benchmarks.md"
OURS = (
    "airflow-profile-provider",
    "apache-airflow",
    "apache-airflow-providers-http",
    "requests",
    "aiohttp",
    "pyrate-limiter",
)


def main() -> None:
    """Run the parts that were asked for; a whole run goes into the docs, parts where that is asked for."""
    parser = argparse.ArgumentParser(prog="make bench")
    parser.add_argument("--only", default=",".join(PARTS), help="parts, separated by commas")
    parser.add_argument("--tools", help="the Python that has drt-core and dlt; without it they are left out")
    parser.add_argument("--factor", type=float, default=1.0, help="times so many records")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument(
        "--keep", type=Path, help="a folder: parts that it has from this commit are taken over"
    )
    parser.add_argument("--draw", action="store_true", help="draw the pictures anew, from the page's tables")
    parser.add_argument(
        "--write", action="store_true", help='put these parts into the docs, as "parts measured since"'
    )
    given = parser.parse_args()
    if given.draw:
        night.publish(PAGE)
        return
    chosen = given.only.split(",")
    if unknown := set(chosen) - set(PARTS):
        parser.error(f"no such part: {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    tools = str(Path(given.tools).absolute()) if given.tools else None
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended"))  # ends what was started, too
    signal.signal(signal.SIGALRM, _too_long)
    effort = Effort(given.factor, given.rounds, tools)
    folder = Path(tempfile.mkdtemp(prefix="bench-"))
    kept = Kept(given.keep or folder / "kept", f"{machine.commit(ROOT)}, {effort}")
    try:
        outcomes = [
            kept.get(name) or _measure(name, effort, folder, kept) for name in PARTS if name in chosen
        ]
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    measured = page.render(outcomes, _about(effort, kept.seconds))
    print(f"\n{measured}")
    is_whole = tools and given.factor == 1 and chosen == list(PARTS)
    if is_whole:
        page.write(PAGE, measured)
    if is_whole or given.write:
        page.write_later(PAGE, "" if is_whole else measured)
        night.publish(PAGE)
        print(f"\nWritten to {PAGE.relative_to(ROOT)}")
    if failed := [name for name in chosen if any(each.failed and each.title == name for each in outcomes)]:
        sys.exit(f"failed: {', '.join(failed)}")


def _measure(name: str, effort: Effort, folder: Path, kept: Kept) -> Outcome:
    """Measure a part; what has gone wrong in it is shown, and the others are measured all the same."""
    print(f"measuring: {name}", file=sys.stderr, flush=True)
    begun = time.monotonic()
    own = folder / name
    own.mkdir()
    signal.alarm(MOST_SECONDS)
    try:
        outcome = PARTS[name](effort, own)
    except Exception as error:  # noqa: BLE001 -- a run takes most of an hour
        traceback.print_exc()
        outcome = Outcome(name, failed=type(error).__name__)
    finally:
        signal.alarm(0)
        shutil.rmtree(own, ignore_errors=True)
    seconds = time.monotonic() - begun
    kept.put(name, outcome, seconds)
    how = "failed" if outcome.failed else "measured"
    print(f"{how}: {name}, {seconds:.0f} s", file=sys.stderr, flush=True)
    return outcome


def _too_long(*_: object) -> NoReturn:
    raise TimeoutError(f"a part took more than {MOST_SECONDS} s")


def _about(effort: Effort, seconds: float) -> str:
    versions = machine.versions(*OURS)
    if effort.tools:
        asked = "import benchmarks.machine as machine; print(machine.versions('drt-core', 'dlt'))"
        told = environment(Path(tempfile.gettempdir()))
        found = subprocess.check_output([effort.tools, "-c", asked], env=told, text=True)
        versions += f", {found.strip()}"
    return (
        f"Measured on {datetime.now(UTC):%d %B %Y} in {seconds / 60:.0f} minutes, "
        f"commit {machine.commit(ROOT)}, on: {machine.describe()}.\n"
        f"Versions: {versions}."
    )


if __name__ == "__main__":
    main()
