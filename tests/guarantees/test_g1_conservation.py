"""G1 conservation: the verdicts add up, in every run, and report, files and vendor agree."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from . import strategies
from .outcome import assert_adds_up, assert_files_agree, assert_vendor_agrees, push
from .rig import Rig


@pytest.mark.parametrize("kind", strategies.TROUBLES)
@strategies.some(6)
@given(picked=strategies.picks, drawn=st.data(), way=strategies.ways)
def test_g1_conservation(
    rig: Rig,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    picked: list[Any],
    drawn: st.DataObject,
    way: dict[str, Any],
) -> None:
    """Whatever the records, the troubles and the settings, no change is lost and none is counted twice."""
    prepare(rig, monkeypatch, drawn.draw(strategies.TROUBLES[kind]), way)
    changes = strategies.records_of(rig, picked)
    before, arrived = rig.held(), rig.arrived
    outcome = push(
        rig,
        changes if way["as_list"] else iter(changes),
        tmp_path,
        rejects=way["rejects"],
        concurrency=way["concurrency"],
        batch_size=min(way["batch_size"], rig.batch_limit),
    )
    assert_adds_up(outcome, len(changes))
    assert_files_agree(outcome, changes)
    unheard = outcome.report.requests - (rig.arrived - arrived)
    assert 0 <= unheard <= outcome.report.retries  # sent into a connection that was just being closed
    if way["rejects"]:
        assert_vendor_agrees(outcome, changes, rig.field, before, rig.held())


def prepare(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, troubles: list[dict[str, Any]], way: dict[str, Any]
) -> None:
    """Start over with these troubles and these readings."""
    monkeypatch.setattr("airflow_profile_provider.push.push.WINDOW", way["window"])
    rig.connect(timeout=strategies.TIMEOUT)
    rig.sandbox.reset()
    rig.sandbox.settings(rig.vendor, harsh=way["harsh"])
    for trouble in troubles:
        rig.fault(**trouble)


def test_g1_a_source_without_records_adds_up(rig: Rig, tmp_path: Path) -> None:
    """Nothing received is nothing sent, nothing rejected and nothing delivered."""
    outcome = push(rig, [], tmp_path)
    assert_adds_up(outcome, 0)
    assert (outcome.rejects, outcome.delivered, rig.arrived) == ([], [], 0)
