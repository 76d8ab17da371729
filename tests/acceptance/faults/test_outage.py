"""A server that goes away in mid-push: ridden out if it returns in time, and told as it is if it does not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from guarantees.outcome import assert_adds_up, assert_files_agree, assert_vendor_agrees, push
from guarantees.rig import HOOKS, Rig, hook_class

from airflow_profile_provider.delivery.retries import RetryRule
from airflow_profile_provider.sandbox.app import App

from .outage import Outage

NUMBER = 40


@pytest.fixture
def outage() -> Iterator[Outage]:
    with Outage(App(profiles=NUMBER, quota=False)) as outage:
        yield outage


@pytest.fixture(params=sorted(HOOKS))
def rig(request: pytest.FixtureRequest, outage: Outage, monkeypatch: pytest.MonkeyPatch) -> Rig:
    rig = Rig(request.param, outage.sandbox, monkeypatch.setenv)
    assert rig.texts  # learnt now, while the vendor is there
    return rig


def rule(rig: Rig, monkeypatch: pytest.MonkeyPatch, rule: RetryRule) -> None:
    """Set the hook's waits."""
    monkeypatch.setattr(hook_class(rig.vendor), "retry_rule", rule)


@pytest.mark.parametrize("concurrency", [1, 4])
def test_a_server_that_returns_gets_everything(
    rig: Rig, outage: Outage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, concurrency: int
) -> None:
    """Gone for a moment, back on the same port: every change is delivered, and some were repeated."""
    rule(rig, monkeypatch, RetryRule(attempts=12, first_wait=0.05, longest_wait=0.5))
    changes = [rig.change(key, f"new {n}") for n, key in enumerate(rig.all_keys())]
    outage.begin_after(15, seconds=0.2)
    outcome = push(rig, changes, tmp_path, concurrency=concurrency)
    assert outcome.counts() == {"pushed": NUMBER}
    assert outcome.report.retries >= 1
    assert rig.held() == {change["key"]: change["fields"][rig.field] for change in changes}


@pytest.mark.parametrize("concurrency", [1, 4])
def test_a_server_that_stays_away_stops_the_push_and_the_rest_can_be_replayed(
    rig: Rig, outage: Outage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, concurrency: int
) -> None:
    """Gone for good: the push ends with a true report; when the server is back, the rejects complete it."""
    rule(rig, monkeypatch, RetryRule(attempts=3, first_wait=0.01, longest_wait=0.02))
    before = rig.held()
    changes = [rig.change(key, f"new {n}") for n, key in enumerate(before)]
    outage.begin_after(15, seconds=None)
    outcome = push(rig, changes, tmp_path, concurrency=concurrency)
    outage.come_back()
    assert_adds_up(outcome, NUMBER)
    assert_files_agree(outcome, changes)
    assert_vendor_agrees(outcome, changes, rig.field, before, rig.held())
    counts = outcome.counts()
    assert outcome.stopped is not None
    assert counts["pushed"] >= 1
    assert counts["failed"] + counts["unsent"] == NUMBER - counts["pushed"]
    assert counts["unsent"] >= 1
    assert rig.hook.push(tmp_path / "rejects.jsonl").undelivered == 0
    assert rig.held() == {change["key"]: change["fields"][rig.field] for change in changes}
