"""What may pass is tried again, when the vendor says so; what was lost on the way is repeated safely."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from standins import Fault

from .conftest import OpenRig
from .rig import Rig, counts


def assert_tried_again(rig: Rig, fault: Fault, **options: object) -> float:
    """Push changes past a fault, and return the seconds that it took."""
    rig.hold(1, 2)
    rig.hurry()
    rig.stand_in.faults = [fault]
    began = time.monotonic()
    report = rig.push(rig.changes(1, 2), **options)
    assert counts(report) == {"pushed": 2}
    assert report.retries == 1
    assert report.requests == len(rig.stand_in.requests)
    assert [rig.holds(n) for n in (1, 2)] == [rig.expected(n) for n in (1, 2)]
    return time.monotonic() - began


def test_retry_after_in_seconds_is_obeyed(rig: Rig) -> None:
    rig.hold(1, 2)
    rig.stand_in.faults = [Fault(429, "slow down", {"Retry-After": "1"})]
    report = rig.push(rig.changes(1, 2))
    assert counts(report) == {"pushed": 2}
    first, *_, last = rig.stand_in.writes
    assert last.at - first.at >= 0.95
    assert report.retries == 1
    assert report.throttled_seconds >= 0.9


def test_retry_after_as_a_date_is_obeyed(open_rig: OpenRig) -> None:
    rig = open_rig("ocamba")
    when = datetime.now(UTC) + timedelta(seconds=2)
    assert_tried_again(rig, Fault(429, headers={"Retry-After": format_datetime(when, usegmt=True)}))
    assert datetime.now(UTC) >= when.replace(microsecond=0)


@pytest.mark.parametrize("value", ["-1", "soon", "", "1e9999", "-86400", "Mon, 01 Jan 1990 00:00:00 GMT"])
def test_a_retry_after_that_names_no_time_is_a_short_wait(open_rig: OpenRig, value: str) -> None:
    assert assert_tried_again(open_rig("ocamba"), Fault(429, headers={"Retry-After": value})) < 8


@pytest.mark.timeout(30)
def test_an_absurd_retry_after_does_not_hold_the_task_for_years(open_rig: OpenRig) -> None:
    rig = open_rig("ocamba")
    rig.hold(1)
    assert 0 < rig.hook_class.retry_rule.retry_after_cap <= 3600
    rig.hurry(retry_after_cap=1)
    rig.stand_in.faults = [Fault(429, headers={"Retry-After": "31536000"})]
    outcome = rig.run(rig.changes(1))
    assert sum(counts(outcome.report).values()) == 1


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_passing_failure_is_tried_again(open_rig: OpenRig, status: int) -> None:
    assert_tried_again(open_rig("lightfield"), Fault(status, "<h1>Bad gateway</h1>"))


@pytest.mark.parametrize(
    "fault",
    [Fault(reset=True), Fault(drop=True), Fault(cut=True), Fault(500, "down")],
    ids=["reset", "lost answer", "cut answer", "500"],
)
def test_every_vendor_recovers_from_one_failure(rig: Rig, fault: Fault) -> None:
    assert_tried_again(rig, fault)


def test_a_time_out_is_unknown_and_tried_again(rig: Rig) -> None:
    rig.connect(extra={"timeout": 0.5})
    rig.hold(1)
    rig.stand_in.faults = [Fault(late=1.2)]
    report = rig.push(rig.changes(1))
    assert counts(report) == {"pushed": 1}
    assert rig.holds(1) == rig.expected(1)
    assert report.retries == 1


def test_a_failure_of_one_record_does_not_touch_the_others(open_rig: OpenRig) -> None:
    rig = open_rig("ocamba")
    rig.hurry()
    rig.hold(*range(8))
    rig.stand_in.faults = [Fault(500, "down", key=rig.sample.key(3), times=None)]
    outcome = rig.run(rig.changes(*range(8)))
    assert counts(outcome.report) == {"pushed": 7, "failed": 1}
    assert not outcome.green
    assert not outcome.for_good


def test_failures_within_max_failed_are_green(open_rig: OpenRig) -> None:
    rig = open_rig("ocamba")
    rig.hurry()
    rig.hold(1, 2)
    rig.stand_in.faults = [Fault(500, "down", key=rig.sample.key(2), times=None)]
    outcome = rig.run(rig.changes(1, 2), max_failed="50%")
    assert counts(outcome.report) == {"pushed": 1, "failed": 1}
    assert outcome.green


def test_order_per_key_survives_a_retry(rig: Rig) -> None:
    rig.hold(*range(60))
    rig.stand_in.faults = [Fault(503, "busy", {"Retry-After": "1"}, key=rig.sample.key(0))]
    between = [rig.rename(number, "Between") for number in range(1, 60)]
    rig.push([rig.rename(0, "First"), *between, rig.rename(0, "Last")], concurrency=4)
    assert rig.holds(0)[rig.sample.text] == "Last"


def test_a_dead_host_stops_the_push(open_rig: OpenRig) -> None:
    from airflow_profile_provider.errors import PushStopped

    rig = open_rig("ocamba")
    rig.hurry()
    rig.connect(host="http://127.0.0.1:9")
    with pytest.raises(PushStopped) as stopped:
        rig.push(rig.changes(*range(60)), concurrency=16)
    report = stopped.value.report
    assert report is not None
    assert report.received == sum(counts(report).values()) == 60
    assert report.unsent > 0


def test_twenty_requests_in_a_row_without_an_answer_stop_the_push(open_rig: OpenRig) -> None:
    from airflow_profile_provider.errors import MassFailure

    rig = open_rig("ocamba")
    rig.hurry()
    rig.hold(*range(100))
    rig.stand_in.faults = [Fault(reset=True, times=None)]
    with pytest.raises(MassFailure):
        rig.push(rig.changes(*range(100)), concurrency=16)
    assert 20 <= len(rig.stand_in.requests) <= 20 + 16 + 4  # those in flight end, and none is repeated
