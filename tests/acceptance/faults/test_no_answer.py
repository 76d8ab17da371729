"""Server errors, broken connections and answers that are none: tried again, and failed if it never ends."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from guarantees.fixtures import PATIENT
from guarantees.rig import Rig

from .scene import play

TIMEOUT = 1.0
"""So long that nobody else needs it, however loaded the machine is."""
FAULTS: dict[str, dict[str, Any]] = {
    **{str(status): {"kind": "status", "status": status} for status in (500, 502, 503, 504)},
    "503 with a page": {"kind": "status", "status": 503, "body": "<h1>Busy</h1>"},
    "reset before commit": {"kind": "reset"},
    "reset after commit": {"kind": "lost"},
    "time-out": {"kind": "delay", "delay": TIMEOUT + 0.3},
    "truncated": {"kind": "truncate"},
    "HTML with 200": {"kind": "html"},
    "empty with 200": {"kind": "empty"},
    "wrong content type": {
        "kind": "status",
        "status": 200,
        "body": "OK",
        "headers": {"Content-Type": "text/plain"},
    },
    "bytes that are no JSON": {
        "kind": "status",
        "status": 200,
        "body": '{"id": "',
        "headers": {"Content-Type": "application/json"},
    },
}
COMMITTED = {"reset after commit", "time-out", "truncated"}
"""Those where the vendor has done what was asked."""


def is_an_answer(rig: Rig, fault: str) -> bool:
    """Whether the fault leaves the answer whole: half of a 204 is a 204."""
    return fault == "truncated" and rig.answers_without_body


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_that_passes_is_tried_again(
    rig: Rig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    """One fault costs one repeat, and every profile gets its value.

    A vendor that is still at work on the first one may ask for more patience.
    """
    if fault == "time-out":
        rig.connect(timeout=TIMEOUT)
        monkeypatch.setattr(rig.hook_class, "retry_rule", PATIENT)
    rig.fault_of_writes(rig.all_keys()[2], **FAULTS[fault], times=1)
    scene = play(rig, tmp_path, concurrency=2)
    assert scene.outcome.counts() == {"pushed": 6}
    busy = sum(entry["status"] == 409 for entry in rig.log())
    least = 0 if is_an_answer(rig, fault) else 1 + busy
    # Who cuts an answer hangs up, and may do so on the next request.
    assert scene.outcome.report.retries in {least, least + (fault == "truncated")}
    assert scene.new == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("fault", sorted(set(FAULTS) - {"time-out"}))
def test_a_fault_that_stays_fails_its_record_alone(rig: Rig, tmp_path: Path, fault: str) -> None:
    """After all attempts the record is failed, whatever the vendor did with it; the others are delivered."""
    rig.fault_of_writes(rig.all_keys()[2], **FAULTS[fault])
    scene = play(rig, tmp_path)
    if is_an_answer(rig, fault):
        assert scene.outcome.counts() == {"pushed": 6}
        return
    assert scene.outcome.counts() == {"pushed": 5, "failed": 1}
    assert scene.outcome.verdicts == {3: "failed"}
    assert scene.outcome.report.retries == rig.hook_class.retry_rule.attempts - 1
    assert scene.outcome.report.complete
    assert (3 in scene.new) is (fault in COMMITTED)


@pytest.mark.parametrize("fault", ["500", "reset before commit", "reset after commit", "HTML with 200"])
def test_a_vendor_that_is_down_for_good_stops_the_push(rig: Rig, tmp_path: Path, fault: str) -> None:
    """Twenty requests in a row without an answer end it: the rest is not ground through."""
    rig.fault(**FAULTS[fault], skip=8)
    scene = play(rig, tmp_path, 40, concurrency=4)
    counts, report = scene.outcome.counts(), scene.outcome.report
    assert scene.outcome.stopped is not None
    assert 0 < counts["pushed"] <= 8
    assert counts["failed"] <= 20
    assert counts["unsent"] >= 12
    assert report.requests <= 8 + 20 + 4 * rig.hook_class.retry_rule.attempts
    assert set(scene.acknowledged) <= set(scene.new)


@pytest.mark.parametrize("slow", ["answer", "acceptance"])
def test_a_slow_vendor_is_waited_for(rig: Rig, tmp_path: Path, slow: str) -> None:
    """What comes late but within the time-out is an answer: nothing is repeated."""
    rig.fault("delay", delay=0.1, when={"answer": "after", "acceptance": "before"}[slow], every=2)
    scene = play(rig, tmp_path, concurrency=3)
    assert scene.outcome.counts() == {"pushed": 6}
    assert scene.outcome.report.retries == 0
    assert scene.outcome.report.requests == rig.arrived
    assert scene.new == [1, 2, 3, 4, 5, 6]


def test_a_time_out_that_stays_fails_what_it_may_have_changed(rig: Rig, tmp_path: Path) -> None:
    """Unknown, not refused: the record is failed and in the rejects, and the vendor may hold its value."""
    rig.connect(timeout=0.3)
    rig.fault_of_writes(rig.all_keys()[2], "delay", delay=0.6)
    scene = play(rig, tmp_path, concurrency=2)
    assert scene.outcome.counts() == {"pushed": 5, "failed": 1}
    assert scene.outcome.verdicts == {3: "failed"}
    assert scene.new == [1, 2, 3, 4, 5, 6]
