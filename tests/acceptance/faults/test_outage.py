"""A server that goes away in mid-push: ridden out if it returns in time, and told as it is if it does not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from guarantees.fixtures import PROFILES, QUICK
from guarantees.outcome import assert_adds_up, assert_files_agree, assert_vendor_agrees, push
from guarantees.rig import Rig
from neighbourhood.absence import Absence
from neighbourhood.fixtures import OpenHostile
from neighbourhood.hostile import Hostile


@pytest.fixture
def front(rig: Rig, hostile: OpenHostile) -> Hostile:
    """What the push takes for the vendor."""
    front = hostile(rig.sandbox.url)
    rig.connect(front.url)
    return front


def _at(front: Hostile, number: int, leaves: Callable[[], object]) -> None:
    """Let something happen instead of an answer to the request of that number."""
    front.act(
        lambda connection, honest: leaves(),
        on=lambda asked: len(front.requests) >= number,
        carries_out=False,
    )


@pytest.mark.parametrize("concurrency", [1, 4])
def test_a_server_that_returns_gets_everything(
    rig: Rig, front: Hostile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, concurrency: int
) -> None:
    """Gone for a moment, back on the same port: every change is delivered, and some were repeated."""
    absence = Absence(front.go_away, front.come_back)
    monkeypatch.setattr(rig.hook_class, "retry_rule", absence.rule(QUICK))
    _at(front, 15, absence.begin)
    changes = [rig.change(key, f"new {n}") for n, key in enumerate(rig.all_keys())]
    outcome = push(rig, changes, tmp_path, concurrency=concurrency)
    assert outcome.counts() == {"pushed": PROFILES}
    assert outcome.report.retries >= 1
    assert rig.held() == {change["key"]: change["fields"][rig.field] for change in changes}


@pytest.mark.parametrize("concurrency", [1, 4])
def test_a_server_that_stays_away_stops_the_push_and_the_rest_can_be_replayed(
    rig: Rig, front: Hostile, tmp_path: Path, concurrency: int
) -> None:
    """Gone for good: the push ends with a true report; when the server is back, the rejects complete it."""
    before = rig.held()
    changes = [rig.change(key, f"new {n}") for n, key in enumerate(before)]
    _at(front, 15, front.go_away)
    outcome = push(rig, changes, tmp_path, concurrency=concurrency)
    front.come_back()
    assert_adds_up(outcome, PROFILES)
    assert_files_agree(outcome, changes)
    assert_vendor_agrees(outcome, changes, rig.field, before, rig.held())
    counts = outcome.counts()
    assert outcome.stopped is not None
    assert counts["pushed"] >= 1
    assert counts["failed"] + counts["unsent"] == PROFILES - counts["pushed"]
    assert counts["unsent"] >= 1
    assert rig.hook.push(tmp_path / "rejects.jsonl").undelivered == 0
    assert rig.held() == {change["key"]: change["fields"][rig.field] for change in changes}
