"""`python -m benchmarks.events`: how long from a commit in the outbox to the vendor's acknowledgement.

Beside it tasks that do nothing, started in the same way: that much is Airflow's own.
"""

from __future__ import annotations

import argparse
import shutil
import signal
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from statistics import median, quantiles

from benchmarks import machine, page
from benchmarks.outcome import Outcome, Target
from benchmarks.race import ROOT
from benchmarks.scene import STEPS, Sample, Scene, set_up

PAGE = ROOT / "docs" / "events.md"
MARKS = ("<!-- events:begin -->", "<!-- events:end -->")


@dataclass(frozen=True)
class Taken:
    """What was measured: a push and a task that does nothing; five of either, in a row, in seconds.

    ``unprepared``: pushes by tasks that import all that they need themselves.
    """

    pushed: list[Sample] = field(default_factory=list)
    nothing: list[Sample] = field(default_factory=list)
    unprepared: list[Sample] = field(default_factory=list)
    to_all: list[float] = field(default_factory=list)
    five: list[float] = field(default_factory=list)


def measure(folder: Path, samples: int, chains: int) -> Taken:
    """Take so many samples of each, in turn, so that noise meets all of them alike."""
    taken = Taken()
    with set_up(folder / "imported", imported=True) as scene:
        _take(scene, taken, samples, chains)
    with set_up(folder / "unprepared", imported=False) as scene:
        taken.unprepared.extend(scene.pushed(f"name {n}") for n in range(samples))
    return taken


def _take(scene: Scene, taken: Taken, samples: int, chains: int) -> None:
    for n in range(samples):
        pushed, nothing = scene.both(f"name {n}", push_first=n % 2 == 0)
        taken.pushed.append(pushed)
        taken.nothing.append(nothing)
    for n in range(chains):
        taken.to_all.append(scene.pushed_to_all(f"name {n}"))
        taken.five.append(scene.five(f"name {n}"))


def outcomes(taken: Taken) -> Outcome:
    """Hold what was measured against what is to be reached."""
    totals, empty = ([sample.total for sample in samples] for samples in (taken.pushed, taken.nothing))
    ratio = "commit to acknowledgement : commit to the end of a task that does nothing, in the median"
    return Outcome(
        "events",
        targets=[
            Target(
                "commit to event, where the trigger yields it",
                0.1,
                [sample.steps[STEPS[0]] for sample in taken.pushed],
                at_least=False,
                unit=" s",
            ),
            Target(ratio, 1.1, [median(totals) / median(empty)], at_least=False),
        ],
    )


def render(taken: Taken) -> str:
    """Write the figures as Markdown."""
    about = (
        f"{machine.describe()}; {machine.versions('apache-airflow')}, LocalExecutor, SQLite; outbox in "
        f"PostgreSQL, which notifies; {len(taken.pushed)} changes to one vendor, each at once with one for a "
        f"task that does nothing, and {len(taken.to_all)} to all five; {datetime.now(UTC):%d %B %Y}."
    )
    return "\n\n".join([about, page.targets([outcomes(taken)]), _table(taken)])


def _table(taken: Taken) -> str:
    totals, empty = ([sample.total for sample in samples] for samples in (taken.pushed, taken.nothing))
    rows: list[tuple[str, Sequence[float]]] = [("**commit to the vendor's acknowledgement**", totals)]
    rows += [(f"{step}, push", [sample.steps[step] for sample in taken.pushed]) for step in STEPS]
    unprepared = [sample.total for sample in taken.unprepared]
    rows.append(("commit to the vendor's acknowledgement, where each task imports the hook", unprepared))
    ends = [sample.steps[STEPS[-1]] for sample in taken.unprepared]
    rows.append((f"{STEPS[-1]}, where each task imports the hook", ends))
    rows.append(("**commit to the end of a task that does nothing**", empty))
    rows += [(f"{step}, nothing", [sample.steps[step] for sample in taken.nothing]) for step in STEPS]
    rows.append(("**commit to the fifth vendor's acknowledgement**, one after the other", taken.to_all))
    rows.append(("**commit to the end of the fifth of five tasks that do nothing**", taken.five))
    lines = ["| seconds | median | quartiles |", "|---|---|---|"]
    lines += [f"| {name} | {median(found):.2f} | {_quartiles(found)} |" for name, found in rows]
    return "\n".join(lines)


def _quartiles(figures: Sequence[float]) -> str:
    """The figures between which the middle half lies."""
    first, _, third = quantiles(figures, n=4, method="inclusive") if len(figures) > 1 else [*figures] * 3
    return f"{first:.2f} to {third:.2f}"


def main() -> None:
    """Measure, print, and put it into the docs if asked to."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended"))  # ends what was started, too
    parser = argparse.ArgumentParser(prog="python -m benchmarks.events")
    parser.add_argument("--samples", type=int, default=20, help="changes to one vendor")
    parser.add_argument("--chains", type=int, default=6, help="changes to all vendors")
    parser.add_argument("--write", action="store_true", help=f"put it into {PAGE.name}")
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="bench-"))
    try:
        measured = render(measure(folder, given.samples, given.chains))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(measured)
    if given.write:
        page.write(PAGE, measured, MARKS)


if __name__ == "__main__":
    main()
