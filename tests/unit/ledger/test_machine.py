"""Anything may happen to a push, in any order: what is promised holds all the same."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test
from requests.adapters import HTTPAdapter
from sqlalchemy import event
from sqlalchemy.engine import Engine
from standins import Fault, Ocamba

from airflow_profile_provider.errors import PushStopped, SourceError
from airflow_profile_provider.records import Verdict
from airflow_profile_provider.reports import Report

from .quick import QuickHook, connections, held, push

pytestmark = pytest.mark.long

N = 8
KEYS = [str(n) for n in range(N)]
TEXTS = ["a", "b", "c"]
Rows = list[dict[str, Any]]
FAULTS = {
    "not applied": Fault(reset=True),
    "no answer": Fault(drop=True),
    "half an answer": Fault(cut=True),
    "trouble": Fault(503),
    "refused": Fault(400, {"message": "no"}),
    "credential": Fault(401),
}


class Killed(BaseException):
    """The process is gone."""


class Life:
    """Ends after so many steps; then nothing is done any more: no statement, no commit, no request."""

    def __init__(self) -> None:
        self.left: int | None = None
        self.dead = False

    def step(self, *_: Any, **__: Any) -> None:
        if self.left is not None:
            self.left -= 1
            self.dead = self.dead or self.left < 0
        if self.dead:
            raise Killed


class Adapter(HTTPAdapter):
    """Sends as long as there is life, and may die between a request and its answer."""

    def __init__(self, life: Life) -> None:
        super().__init__()
        self._life = life

    def send(self, *given: Any, **options: Any) -> Any:
        self._life.step()
        answer = super().send(*given, **options)
        self._life.step()
        return answer


how = st.fixed_dictionaries(
    {"concurrency": st.integers(1, 3), "changed_fields_only": st.booleans(), "rejects": st.booleans()}
)
cells = st.tuples(st.sampled_from(KEYS), st.sampled_from(["comment", "name"]), st.sampled_from(TEXTS))


class Machine(RuleBasedStateMachine):
    """A vendor, a ledger, and a push between them that may die at any step."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="machine-"))
        self.vendor = Ocamba({key: {} for key in KEYS}).__enter__()
        self.kept = dict(os.environ)
        store = {"conn_type": "sqlite", "host": str(self.folder / "ledger.db")}
        os.environ.update(connections(self.vendor, store))
        self.life = Life()
        for name in ("before_cursor_execute", "commit"):
            event.listen(Engine, name, self.life.step)

    def teardown(self) -> None:
        try:
            self.faults_stop()
        finally:
            for name in ("before_cursor_execute", "commit"):
                event.remove(Engine, name, self.life.step)
            os.environ.clear()
            os.environ.update(self.kept)
            self.vendor.__exit__()
            shutil.rmtree(self.folder)

    def faults_stop(self) -> None:
        """The end, whatever was before."""
        raise NotImplementedError

    @classmethod
    def run(cls, monkeypatch: pytest.MonkeyPatch, *, examples: int, steps: int = 15) -> None:
        """Let so many steps happen to it, so many times."""
        monkeypatch.setattr("airflow_profile_provider.adapters.ledgers.WAIT_SECONDS", 0.005)
        run_state_machine_as_test(
            cls,
            settings=settings(
                max_examples=examples,
                stateful_step_count=steps,
                deadline=None,
                derandomize=True,
                database=None,
                suppress_health_check=list(HealthCheck),
            ),
        )


class Ledgered(Machine):
    """A source, a vendor, and a ledger between them."""

    def __init__(self) -> None:
        super().__init__()
        self.source = {key: {"comment": "a", "name": "a"} for key in KEYS}
        self.version = 1
        self.exact = False
        """Whether the ledger is sure of every key, so that exactly what differs must be sent."""

    # -- the source and the vendor ----------------------------------------------------------------------

    def rows(self, **more: Any) -> Rows:
        return [{"id": key, **fields, **more} for key, fields in self.source.items()]

    def wanted(self) -> dict[str, tuple[str, str]]:
        """What the vendor should hold."""
        return {key: (fields["comment"], fields["name"]) for key, fields in self.source.items()}

    @rule(cells=st.lists(cells, min_size=1, max_size=5))
    def rows_change(self, cells: list[tuple[str, str, str]]) -> None:
        for key, name, text in cells:
            self.source[key] = {**self.source[key], name: text}
        self.version += 1

    @rule(kind=st.sampled_from(sorted(FAULTS)), key=st.sampled_from(KEYS), times=st.integers(1, 3))
    def the_vendor_fails(self, kind: str, key: str, times: int) -> None:
        self.vendor.faults.append(replace(FAULTS[kind], key=key, times=times))
        self.exact = False

    # -- pushes -----------------------------------------------------------------------------------------

    def differing(self) -> dict[str, set[str]]:
        """The fields that differ, by key."""
        found = {}
        for key, fields in self.source.items():
            profile = self.vendor.profiles[key]
            named = {"comment": fields["comment"], "full_name": fields["name"]}
            if names := {name for name, value in named.items() if profile.get(name) != value}:
                found[key] = names
        return found

    def pushed(self, rows: Any, **how: Any) -> Report:
        """Push; G1: the verdicts add up, also where the push stopped.

        Nothing arrives late here: what may is in test_doubts.
        """
        given = dict(how)
        path = self.folder / "rejects.jsonl"
        path.unlink(missing_ok=True)
        if given.pop("rejects", False):
            given["rejects_path"] = path
        try:
            report: Report = push(
                rows, QuickHook(adapter=Adapter(self.life)), **{"run": "task", "doubt_seconds": 0, **given}
            )
        except PushStopped as stopped:
            assert stopped.report is not None
            report = stopped.report
            assert not report.complete
        assert sum(getattr(report, verdict) for verdict in Verdict) == report.received
        if given.get("rejects_path") and report.undelivered:
            assert len(path.read_text().splitlines()) == report.undelivered
        return report

    @rule(how=how)
    def a_push_runs(self, how: dict[str, Any]) -> None:
        differing, exact, sent = self.differing(), self.exact, len(self.vendor.requests)
        report = self.pushed(self.rows(v=self.version), version="v", **how)
        assert report.received == N
        if exact:
            seen = self.vendor.requests[sent:]
            assert {request.path.rsplit("/", 1)[1] for request in seen} == set(differing)
            assert len(seen) == len(differing) == report.requests
            if how["changed_fields_only"]:
                bodies = {request.path.rsplit("/", 1)[1]: set(request.json) for request in seen}
                assert bodies == differing
        self.exact = report.acknowledged + report.unchanged == N and not self.vendor.faults

    @rule(how=how, earlier=st.lists(cells, min_size=1, max_size=6))
    def a_source_names_keys_twice(self, how: dict[str, Any], earlier: list[tuple[str, str, str]]) -> None:
        rows = [{"id": key, **{**self.source[key], name: text}} for key, name, text in earlier]
        report = self.pushed(rows + self.rows(), **how)
        assert report.received == N + len(rows)
        if not self.vendor.faults:
            assert held(self.vendor) == self.wanted()
        self.exact = False

    @rule(how=how, after=st.integers(0, 45))
    def a_push_is_killed(self, how: dict[str, Any], after: int) -> None:
        """Between any two steps: statements and commits in the ledger, requests and their answers."""
        self.life.left = after
        with suppress(Killed):
            self.pushed(self.rows(v=self.version), version="v", **how)
        self.life.left, self.life.dead = None, False
        self.exact = False

    @precondition(lambda self: self.exact)
    @rule(how=how, after=st.integers(16, 40), text=st.sampled_from(TEXTS))
    def rows_change_back_after_a_kill(self, how: dict[str, Any], after: int, text: str) -> None:
        """G5: what was perhaps sent is sent back."""
        before = self.source
        self.source = {key: {**fields, "name": text} for key, fields in before.items()}
        self.version += 1
        self.a_push_is_killed(how, after)
        self.source = before
        self.version += 1
        self.pushed(self.rows(v=self.version), version="v", **how)
        assert held(self.vendor) == self.wanted()

    @rule(how=how, readable=st.integers(0, N - 1))
    def a_source_breaks(self, how: dict[str, Any], readable: int) -> None:
        """G6: what could not be read is not touched."""
        sent, before = len(self.vendor.requests), held(self.vendor)

        def broken() -> Iterator[dict[str, Any]]:
            yield from self.rows(v=self.version)[:readable]
            raise SourceError("it ends here")

        with suppress(SourceError):
            assert self.pushed(broken(), version="v", **how).received == readable
        assert {request.path.rsplit("/", 1)[1] for request in self.vendor.requests[sent:]} <= set(
            KEYS[:readable]
        )
        assert [held(self.vendor)[key] for key in KEYS[readable:]] == [before[key] for key in KEYS[readable:]]
        self.exact = False

    @rule()
    def a_source_is_empty(self) -> None:
        sent = len(self.vendor.requests)
        with pytest.raises(SourceError):
            self.pushed([], if_empty="fail")
        assert self.pushed([]).received == 0
        assert len(self.vendor.requests) == sent

    # -- versions ---------------------------------------------------------------------------------------

    @precondition(lambda self: self.exact and self.version > 1)
    @rule(how=how, text=st.sampled_from(TEXTS))
    def an_older_version_comes_late(self, how: dict[str, Any], text: str) -> None:
        """G3: after a newer one that may have had nothing to send."""
        report = self.pushed(self.rows(v=self.version), version="v", concurrency=1)
        if report.acknowledged + report.unchanged < N:
            return
        sent = len(self.vendor.requests)
        older = [{"id": key, "comment": text, "name": text, "v": self.version - 1} for key in KEYS]
        assert self.pushed(older, version="v", **how).superseded == N
        assert len(self.vendor.requests) == sent

    @precondition(lambda self: not self.vendor.faults)
    @rule(text=st.sampled_from(TEXTS), other=st.sampled_from(TEXTS), concurrency=st.integers(1, 3))
    def two_versions_overlap(self, text: str, other: str, concurrency: int) -> None:
        """G3: whichever comes first, the newer one stays."""
        self.version += 2
        older = [{"id": key, "comment": text, "name": text, "v": self.version - 1} for key in KEYS]
        self.source = {key: {"comment": other, "name": other} for key in KEYS}
        newer = self.rows(v=self.version)
        reports: list[Report] = []

        def run(rows: Rows, name: str) -> None:
            reports.append(
                push(rows, QuickHook(), version="v", run=name, concurrency=concurrency, doubt_seconds=0)
            )

        threads = [threading.Thread(target=run, args=given) for given in ((older, "task"), (newer, "other"))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [report.received for report in reports] == [N, N]
        assert held(self.vendor) == dict.fromkeys(KEYS, (other, other))
        self.exact = True

    # -- the end ----------------------------------------------------------------------------------------

    @rule()
    def faults_stop(self) -> None:
        """G2, G5: two pushes, and the vendor holds the source; a third has nothing to send."""
        self.vendor.faults = []
        reports = [self.pushed(self.rows(v=self.version), version="v", concurrency=2) for _ in range(3)]
        assert held(self.vendor) == self.wanted()
        assert [(report.unchanged, report.requests) for report in reports[1:]] == [(N, 0), (N, 0)]
        self.exact = True


def test_g1_g2_g3_g5_g6_hold_whatever_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    Ledgered.run(monkeypatch, examples=30)


def test_g5_a_killed_push_writes_nothing_more(tmp_path: Path) -> None:
    """The machine's own kill is one: what it says of G5 would be worth nothing otherwise."""
    life = Life()
    life.left = 0
    for _ in range(2):
        with pytest.raises(Killed):
            life.step()
    life.left = 5
    with pytest.raises(Killed):
        Adapter(life).send(json.dumps({}))
