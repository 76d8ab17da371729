"""G2 in its strongest form: whatever happens, and whoever edits profiles by hand, a repair makes it good."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import rule

from .quick import held
from .test_machine import Killed, Ledgered, N, cells, how

pytestmark = pytest.mark.long

actions = st.sampled_from(["audit", "repair"])
NAMES = {"comment": "comment", "name": "full_name"}


class Edited(Ledgered):
    """The same, where hands edit what the vendor holds, so that a push alone need not make it good."""

    def __init__(self) -> None:
        super().__init__()
        for profile in self.vendor.profiles.values():  # a field that is not shown says nothing
            profile.update({"comment": "", "full_name": ""})
        self.edited = False

    @rule(cells=st.lists(cells, min_size=1, max_size=4))
    def hands_edit(self, cells: list[tuple[str, str, str]]) -> None:
        for key, name, text in cells:
            self.vendor.profiles[key][NAMES[name]] = f"by hand {text}"
        self.edited, self.exact = True, False

    @rule(how=how)
    def a_push_runs(self, how: dict[str, Any]) -> None:
        super().a_push_runs(how)
        self.exact = self.exact and not self.edited

    def a_source_names_keys_twice(self, how: dict[str, Any], earlier: Any) -> None:
        """Not here: its push would have to find out what hands did."""

    def two_versions_overlap(self, text: str, other: str, concurrency: int) -> None:
        """Nor this one."""

    @rule(how=how, action=actions)
    def somebody_looks(self, how: dict[str, Any], action: str) -> None:
        """An audit writes nothing; a repair without faults makes all good."""
        sent = len(self.vendor.writes)
        report = self.pushed(self.rows(v=self.version), version="v", action=action, **how)
        assert report.received == N
        if action == "audit":
            assert len(self.vendor.writes) == sent
        elif not self.vendor.faults:
            assert held(self.vendor) == self.wanted()
        self.exact = False

    @rule(how=how, action=actions, after=st.integers(0, 60))
    def a_look_is_killed(self, how: dict[str, Any], action: str, after: int) -> None:
        self.life.left = after
        with suppress(Killed):
            self.pushed(self.rows(v=self.version), version="v", action=action, **how)
        self.life.left, self.life.dead = None, False
        self.exact = False

    @rule(how=how, earlier=st.lists(cells, min_size=1, max_size=6))
    def a_source_with_doubled_keys_is_repaired(
        self, how: dict[str, Any], earlier: list[tuple[str, str, str]]
    ) -> None:
        rows = [
            {"id": key, **{**self.source[key], name: text}, "v": self.version} for key, name, text in earlier
        ]
        report = self.pushed(rows + self.rows(v=self.version), version="v", action="repair", **how)
        assert report.received == N + len(rows)
        if not self.vendor.faults:
            assert held(self.vendor) == self.wanted()
        self.exact = False

    @rule()
    def faults_stop(self) -> None:
        """An audit, then a repair, and the vendor holds the source; a push has nothing to send."""
        self.vendor.faults = []
        rows = self.rows(v=self.version)
        found = self.pushed(rows, version="v", action="audit", concurrency=2)
        wrong = len(self.differing())
        assert (found.verified, found.drifted) == (N - wrong, wrong)
        repaired = self.pushed(rows, version="v", action="repair", concurrency=2)
        assert (repaired.verified, repaired.pushed) == (N - wrong, wrong)
        assert held(self.vendor) == self.wanted()
        last = self.pushed(rows, version="v", concurrency=2)
        assert (last.unchanged, last.requests) == (N, 0)
        self.edited, self.exact = False, True


def test_g2_an_audit_and_a_repair_make_good_whatever_happened(monkeypatch: pytest.MonkeyPatch) -> None:
    Edited.run(monkeypatch, examples=12, steps=12)
