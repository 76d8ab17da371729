"""Quotas kept: Ocamba's own limits, and one quota shared by four processes."""

from __future__ import annotations

import json
from contextlib import ExitStack
from pathlib import Path

from benchmarks.contenders.job import TOKEN, Job
from benchmarks.outcome import Outcome, Row, Target
from benchmarks.race import Contender, Effort, stand_in
from benchmarks.stores import STORES

LATENCY = 0.05
LEAST_SECONDS = 129.9
"""400 requests under 10/s and 150/min, a tenth of a second apart while a window has room."""


def limits(effort: Effort, folder: Path) -> Outcome:
    """400 changes under Ocamba's real limits, against sliding and fixed windows at the same time."""
    given = ["--limit", "[10, 1]", "--limit", "[150, 60]"]
    kinds = {"sliding windows": given, "fixed windows": [*given, "--fixed"]}
    rows, targets = [], []
    with ExitStack() as stack:
        served = {kind: stack.enter_context(stand_in(folder, LATENCY, *more)) for kind, more in kinds.items()}
        pushes = {
            kind: stack.enter_context(
                Contender("ours:push", Job(each.url, str(folder), in_flight=None, quota=None))
            )
            for kind, each in served.items()
        }
        for push in pushes.values():
            push.ready()
        for push in pushes.values():
            push.begin(400)
        for kind, push in pushes.items():
            done = push.end()
            refused = served[kind].seen()["refused"]
            rows.append(
                Row(f"our push, {kind}", 400 / done["seconds"], done["cpu"] / 400, push.peak, push.loaded)
            )
            targets.append(
                Target(
                    f"wall time of 400 changes, {kind} : {LEAST_SECONDS} s",
                    1.03,
                    [done["seconds"] / LEAST_SECONDS],
                    at_least=False,
                    also=refused == 0,
                    also_said=f"{done['seconds']:.1f} s, {refused} answers 429",
                )
            )
    note = "The hook's own settings: 10/1s and 150/60s, 4 in flight. The vendor takes 50 ms."
    return Outcome("Ocamba's real limits, 10/s and 150/min", rows, targets, [note])


def shared(effort: Effort, folder: Path) -> Outcome:
    """150 a minute shared by four processes through Redis and through PostgreSQL, at the same time."""
    from airflow_profile_provider.adapters.settings import SHARED_EXTRAS

    what = "150/min shared by 4 processes through {}: share used"
    if "quota_conn_id" not in SHARED_EXTRAS:
        unknown = "skipped: this version has no quota_conn_id"
        targets = [Target(what.format(name), 0.95, unit="", skipped=unknown) for name in STORES]
        return Outcome("One quota for several tasks", (), targets)
    with ExitStack() as stack:
        running = {name: _Shared(stack, folder, name) for name in STORES}
        for each in running.values():
            each.begin()
        targets = [each.target(what.format(name)) for name, each in running.items()]
    note = (
        "4 × 115 changes, vendor at 50 ms, sliding window. The 451st request is allowed 180 s after the "
        "first; the share used is 180 s : the time from the first request to the 460th, as the vendor saw it."
    )
    return Outcome("One quota for several tasks", (), targets, [note])


class _Shared:
    """Four pushes that share a quota through one store."""

    each = 115

    def __init__(self, stack: ExitStack, folder: Path, name: str) -> None:
        self._served = stack.enter_context(stand_in(folder, LATENCY, "--limit", "[150, 60]"))
        store = stack.enter_context(STORES[name](folder))
        extra = {"quota": "150/60s", "quota_conn_id": "store"}
        vendor = {"conn_type": "ocamba", "host": self._served.url, "password": TOKEN, "extra": extra}
        more = {"AIRFLOW_CONN_OCAMBA_DEFAULT": json.dumps(vendor), "AIRFLOW_CONN_STORE": json.dumps(store)}
        job = Job(self._served.url, str(folder), in_flight=None, quota=None)
        self._pushes = [stack.enter_context(Contender("ours:push", job, more=more)) for _ in range(4)]

    def begin(self) -> None:
        """Let all four start, once all are there."""
        for push in self._pushes:
            push.ready()
        for push in self._pushes:
            push.begin(self.each)

    def target(self, what: str) -> Target:
        """Wait for the end and say how much of the quota was used."""
        for push in self._pushes:
            push.end()
        seen = self._served.seen()
        least = 60 * ((seen["admitted"] - 1) // 150)
        said = f"{seen['admitted']} requests in {seen['seconds']:.1f} s, {seen['refused']} answers 429"
        share = least / seen["seconds"]
        return Target(what, 0.95, [share], unit="", also=seen["refused"] == 0, also_said=said)
