"""Keys leave a source and come back, in any order with what else may happen to a push."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from airflow_profile_provider.errors import PushStopped, SourceError
from airflow_profile_provider.records import Verdict
from airflow_profile_provider.reports import Report

from .quick import QuickHook, push
from .test_machine import FAULTS, KEYS, TEXTS, Adapter, Killed, Machine, Rows

pytestmark = pytest.mark.long

HERE, GONE = ["1"], []
FIELDS = {"comment": "comment", "lists": "lists"}
some = st.lists(st.sampled_from(KEYS), min_size=1, max_size=4, unique=True)
how = st.fixed_dictionaries(
    {
        "concurrency": st.integers(1, 3),
        "changed_fields_only": st.booleans(),
        "max_changes": st.sampled_from([None, "100%"]),
    }
)


class Leaving(Machine):
    """A source whose keys come and go, a vendor, and a ledger between them."""

    def __init__(self) -> None:
        super().__init__()
        self.source = dict.fromkeys(KEYS, "a")
        self.version = 0
        self.delivered: set[str] = set()
        """Keys that a push may have delivered: nobody else may be told that he is gone."""

    # -- the source and the vendor ----------------------------------------------------------------------

    def rows(self) -> Rows:
        return [{"id": key, "comment": text, "lists": HERE} for key, text in self.source.items()]

    @rule(keys=some)
    def keys_leave(self, keys: list[str]) -> None:
        left = {key: text for key, text in self.source.items() if key not in keys}
        self.source = left or self.source

    @rule(keys=some, text=st.sampled_from(TEXTS))
    def keys_come(self, keys: list[str], text: str) -> None:
        self.source |= dict.fromkeys(keys, text)

    @rule(kind=st.sampled_from(sorted(FAULTS)), key=st.sampled_from(KEYS), times=st.integers(1, 2))
    def the_vendor_fails(self, kind: str, key: str, times: int) -> None:
        self.vendor.faults.append(replace(FAULTS[kind], key=key, times=times))

    # -- pushes -----------------------------------------------------------------------------------------

    def told(self, since: int) -> list[str]:
        """Who was told to be gone."""
        seen = self.vendor.requests[since:]
        return [request.path.rsplit("/", 1)[1] for request in seen if request.json == {"lists": GONE}]

    def pushed(self, rows: Any, **how: Any) -> Report:
        """Push; G1: the verdicts add up. Nobody is told to be gone who is here, or never was."""
        given = {"run": "task", "doubt_seconds": 0, "on_absent": {"lists": GONE}, "fields": FIELDS, **how}
        sent = len(self.vendor.requests)
        try:
            report: Report = push(rows, QuickHook(adapter=Adapter(self.life)), **given)
        except PushStopped as stopped:
            assert stopped.report is not None
            report = stopped.report
        finally:
            told = self.told(sent)
            assert set(told) <= self.delivered - set(self.source)
            self.delivered |= set(self.source)
        assert sum(getattr(report, verdict) for verdict in Verdict) == report.received
        return report

    @rule(how=how)
    def a_push_runs(self, how: dict[str, Any]) -> None:
        report = self.pushed(self.rows(), **how)
        assert report.received >= len(self.source) or not report.complete

    @rule(how=how, after=st.integers(0, 60))
    def a_push_is_killed(self, how: dict[str, Any], after: int) -> None:
        """Between any two steps: also between the notice that a key left and the vendor's answer."""
        self.life.left = after
        with suppress(Killed):
            self.pushed(self.rows(), **how)
        self.life.left, self.life.dead = None, False

    @rule(how=how, after=st.integers(20, 60), keys=some)
    def keys_leave_and_return_between_two_tries(
        self, how: dict[str, Any], after: int, keys: list[str]
    ) -> None:
        before = self.source
        self.keys_leave(keys)
        self.a_push_is_killed(how, after)
        self.source = before
        self.pushed(self.rows(), **how)

    @rule(how=how)
    def four_shares_push(self, how: dict[str, Any]) -> None:
        for share in range(4):
            self.pushed(self.rows(), **{**how, "max_changes": None, "partition": (share, 4)})

    @precondition(lambda self: not self.vendor.faults)
    @rule(keys=some, texts=st.lists(st.sampled_from(TEXTS), min_size=2, max_size=2), how=how)
    def two_versions_overlap_while_keys_leave(
        self, keys: list[str], texts: list[str], how: dict[str, Any]
    ) -> None:
        """G3: of two runs at once, whichever is first, the newer one's values stay; who left is told."""
        self.keys_leave(keys)
        sources = []
        for text in texts:
            self.version += 1
            self.source = dict.fromkeys(self.source, text)
            sources.append([{**row, "v": self.version} for row in self.rows()])

        def run(name: str, rows: Rows) -> Report:
            return self.pushed(rows, version="v", run=name, **how)

        with ThreadPoolExecutor(2) as both:
            reports = list(both.map(run, ("older", "newer"), sources))
        assert [report.complete for report in reports] == [True, True]
        for key, text in self.source.items():
            assert (self.vendor.profiles[key]["comment"], self.vendor.profiles[key]["lists"]) == (text, HERE)

    @rule(how=how, readable=st.integers(0, 3))
    def a_source_breaks(self, how: dict[str, Any], readable: int) -> None:
        """G6."""
        sent = len(self.vendor.requests)

        def broken() -> Iterator[dict[str, Any]]:
            yield from self.rows()[:readable]
            raise SourceError("it ends here")

        with suppress(SourceError):
            self.pushed(broken(), **how)
        assert self.told(sent) == []

    @rule()
    def a_source_is_empty(self) -> None:
        """G6."""
        sent = len(self.vendor.requests)
        self.pushed([])
        assert len(self.vendor.requests) == sent

    @rule(how=how)
    def a_source_is_halved(self, how: dict[str, Any]) -> None:
        """G6: more than may leave at once."""
        before, sent = self.source, len(self.vendor.requests)
        rows = self.rows()
        self.source = {row["id"]: row["comment"] for row in rows[: len(rows) // 2] or rows}
        self.pushed(self.rows(), **how, max_absent=0)
        assert self.told(sent) == []
        self.source = before

    # -- the end ----------------------------------------------------------------------------------------

    @rule()
    def faults_stop(self) -> None:
        """G2, G5: two pushes, and the vendor holds the source, and knows who left; then it is quiet."""
        self.vendor.faults = []
        reports = [self.pushed(self.rows(), concurrency=2) for _ in range(3)]
        for key, text in self.source.items():
            assert (self.vendor.profiles[key]["comment"], self.vendor.profiles[key]["lists"]) == (text, HERE)
        gone = [key for key in KEYS if key not in self.source and self.vendor.profiles[key].get("lists")]
        assert gone == []
        assert [(report.requests, report.absent) for report in reports[1:]] == [(0, 0), (0, 0)]


def test_g1_g2_g3_g5_g6_hold_whoever_leaves_and_returns(monkeypatch: pytest.MonkeyPatch) -> None:
    Leaving.run(monkeypatch, examples=12)
