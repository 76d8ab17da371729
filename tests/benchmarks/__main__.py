"""`make bench`: measure every part, print the table, and put it into the docs."""

from __future__ import annotations

import argparse
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import machine, page
from benchmarks.outcome import Outcome
from benchmarks.parts import ledger
from benchmarks.parts.audit import audit
from benchmarks.parts.batches import batches
from benchmarks.parts.limits import limits, shared
from benchmarks.parts.memory import memory
from benchmarks.parts.scheduler import scheduler
from benchmarks.parts.shares import shares
from benchmarks.parts.singles import cost, latency
from benchmarks.race import ROOT, Effort, environment

PARTS: Mapping[str, Callable[[Effort, Path], Outcome]] = {
    "cost": cost,
    "latency": latency,
    "batches": batches,
    "memory": memory,
    "scheduler": scheduler,
    "limits": limits,
    "shared": shared,
    "ledger-plan": ledger.plan,
    "ledger-requests": ledger.requests,
    "ledger-overhead": ledger.overhead,
    "history": ledger.history,
    "ledger-beside": ledger.beside,
    "shares": shares,
    "audit": audit,
}
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
    """Run the parts that were asked for; only a whole run goes into the docs."""
    parser = argparse.ArgumentParser(prog="make bench")
    parser.add_argument("--only", default=",".join(PARTS), help="parts, separated by commas")
    parser.add_argument("--tools", help="the Python that has drt-core and dlt; without it they are left out")
    parser.add_argument("--factor", type=float, default=1.0, help="times so many records")
    parser.add_argument("--rounds", type=int, default=7)
    given = parser.parse_args()
    chosen = given.only.split(",")
    if unknown := set(chosen) - set(PARTS):
        parser.error(f"no such part: {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    tools = str(Path(given.tools).absolute()) if given.tools else None
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended"))  # ends what was started, too
    effort = Effort(given.factor, given.rounds, tools)
    begun = time.monotonic()
    folder = Path(tempfile.mkdtemp(prefix="bench-"))
    try:
        outcomes = [_measure(name, effort, folder) for name in PARTS if name in chosen]
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    measured = page.render(outcomes, _about(effort, time.monotonic() - begun))
    print(f"\n{measured}")
    if tools and given.factor == 1 and chosen == list(PARTS):
        page.write(PAGE, measured)
        print(f"\nWritten to {PAGE.relative_to(ROOT)}")


def _measure(name: str, effort: Effort, folder: Path) -> Outcome:
    print(f"measuring: {name}", file=sys.stderr, flush=True)
    begun = time.monotonic()
    own = folder / name
    own.mkdir()
    outcome = PARTS[name](effort, own)
    print(f"measured: {name}, {time.monotonic() - begun:.0f} s", file=sys.stderr, flush=True)
    return outcome


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
