"""Ocamba's import of custom properties, at the quota that the vendor publishes, in real time."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

from airflow_profile_provider.sandbox import Sandbox, serve
from benchmarks.contenders.job import Job
from benchmarks.outcome import Outcome, Row, Target
from benchmarks.race import Contender, Effort

MOST_SECONDS = 120
READINGS = {"at once": 0.0, "in 2 s": 2.0}
"""How long an import takes at the vendor, who documents nothing: both of the sandbox's readings."""
A_MINUTE = 150
"""Profiles, one a request: the vendor's own limit."""


def imports(effort: Effort, folder: Path) -> Outcome:
    """Push changes of custom properties with ``bulk: import``, to two sandboxes at the same time."""
    number = effort.records(10_000, at_least=200)
    rows, targets = [], []
    with ExitStack() as stack:
        running = {when: _begun(stack, folder, number, seconds) for when, seconds in READINGS.items()}
        for _, push in running.values():
            push.begin(number)
        for when, (sandbox, push) in running.items():
            done = push.end()
            row, refused = _counted(f"our push, imported {when}", sandbox, push, done)
            rows.append(row)
            targets.append(
                Target(
                    f"seconds for {number:,} changes, imported {when}",
                    MOST_SECONDS,
                    [done["seconds"]],
                    at_least=False,
                    unit=" s",
                    also=refused == 0,
                    also_said=f"{row.requests:,.0f} requests, {refused} answers 429",
                )
            )
    notes = [
        "Against our sandbox with Ocamba's 10/s and 150/min, a hundred profiles an import, whose report is "
        f"read until it names each of them. All {number:,} ended as pushed, and the sandbox holds them. One "
        f"profile a request, {A_MINUTE} a minute, they take {number / A_MINUTE:.0f} minutes."
    ]
    return Outcome(f"Ocamba's import, {number:,} changes at the published quota", rows, targets, notes)


def _begun(stack: ExitStack, folder: Path, number: int, seconds: float) -> tuple[Sandbox, Contender]:
    sandbox = stack.enter_context(serve(profiles=number))
    sandbox.settings("ocamba", import_seconds=seconds)
    push = stack.enter_context(Contender("importing:push", Job(sandbox.url, str(folder), in_flight=None)))
    push.ready()
    return sandbox, push


def _counted(name: str, sandbox: Sandbox, push: Contender, done: dict[str, float]) -> tuple[Row, int]:
    """Return the row of a push, and how many requests were refused; all profiles must have their property."""
    profiles = sandbox.profiles("ocamba")
    wrong = [
        key for key, held in profiles.items() if (held["custom_properties"] or {}).get("tier") != f"t{key}"
    ]
    if wrong:
        raise RuntimeError(f"{len(wrong)} of {len(profiles)} profiles do not hold what was pushed")
    seen = sandbox.requests("ocamba", last=0)
    number, requests = done["records"], seen["total"]
    row = Row(
        name,
        number / done["seconds"],
        done["cpu"] / number,
        push.peak,
        push.loaded,
        a_request=number / requests,
        requests=requests,
        seconds=done["seconds"],
    )
    return row, int(seen["by_status"].get("429", 0))
