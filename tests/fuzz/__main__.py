"""``python -m tests.fuzz [--pushes N] [--seed S] [--minutes M]``, from the repository's root.

Draws N pushes, runs each, and holds it against the truths. What fails is grouped by what it broke; of each
group the smallest case is printed, whose repr is a `Case` that `tests.fuzz.truths.run` takes again. Exits
with 1 if anything failed, and with 2 if a push hung.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import sys
import tempfile
import time
import traceback
from pathlib import Path

from tests import own_airflow  # noqa: F401 -- before anything imports airflow: a home of its own

sys.path.insert(0, str(Path(__file__).parents[1]))

from hypothesis import HealthCheck, Phase, given, seed, settings

from fuzz import truths
from fuzz.cases import Case, cases
from fuzz.trial import Hang, Trial

CHUNK = 250
"""Cases from one seed; hypothesis slows down when it remembers too many. A case is one to three pushes."""


class Findings:
    """What failed, by what it broke."""

    def __init__(self) -> None:
        self.runs = 0
        self.groups: dict[str, tuple[int, str, str]] = {}

    def add(self, case: Case, error: BaseException) -> None:
        """Keep a case that failed, if it is the smallest of its group."""
        at = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{Path(at.filename).name}:{at.lineno}"
        name = f"{type(error).__name__} {_without_values(str(error))} ({where})"
        number, smallest, _ = self.groups.get(name, (0, "", ""))
        shown = _shown(case)
        if not smallest or len(shown) < len(smallest):
            smallest = shown
        self.groups[name] = (number + 1, smallest, str(error))

    def show(self) -> None:
        """Print each group with its smallest case."""
        for name, (number, smallest, text) in sorted(self.groups.items(), key=lambda item: -item[1][0]):
            print(f"\n{number} x {name}\n  {text[:1500]}\n  {smallest[:6000]}", flush=True)


def _shown(case: Case) -> str:
    """The case's repr, numbers of any length included."""
    digits = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(0)
    try:
        return repr(case)
    finally:
        sys.set_int_max_str_digits(digits)


def _without_values(text: str) -> str:
    text = re.sub(r"'[^']*'|\"[^\"]*\"", "…", text.split("\n", 1)[0])
    return re.sub(r"\d+", "n", text)[:110]


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__.split("\n\n")[1])
    parser.add_argument("--pushes", type=int, default=20_000, metavar="N")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6), metavar="S")
    parser.add_argument("--minutes", type=float, default=30.0, metavar="M", help="end after so long")
    options = parser.parse_args()
    print(f"{options.pushes} pushes, --seed {options.seed}", flush=True)
    findings, begun = Findings(), time.monotonic()
    with tempfile.TemporaryDirectory(prefix="fuzz-") as name:
        trial = Trial(Path(name))
        number = 0
        while trial.pushes < options.pushes and time.monotonic() - begun < options.minutes * 60:
            try:
                _chunk(trial, findings, options.seed + number, min(CHUNK, options.pushes - trial.pushes))
            except Hang as hang:
                findings.show()
                print(f"\na push hangs:\n  {hang}", flush=True)
                os._exit(2)
            number += 1
            seconds = time.monotonic() - begun
            failed = sum(count for count, _, _ in findings.groups.values())
            print(
                f"{findings.runs} cases, {trial.pushes} pushes, {failed} failed; {seconds:.0f} s, "
                f"{trial.pushes / seconds:.0f} pushes/s, the slowest took {trial.slowest:.1f} s",
                flush=True,
            )
        trial.close()
    findings.show()
    return 1 if findings.groups else 0


def _chunk(trial: Trial, findings: Findings, number: int, number_of_cases: int) -> None:
    @seed(number)
    @settings(
        max_examples=number_of_cases,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=cases())
    def each(case: Case) -> None:
        findings.runs += 1
        try:
            truths.run(trial, case)
        except Exception as error:  # noqa: BLE001 -- whatever fails is counted, and the others go on
            findings.add(case, error)

    each()


if __name__ == "__main__":
    sys.exit(main())
