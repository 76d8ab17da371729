"""A push keeps to its quota, whatever the window's kind, and to the vendor's published one by default."""

from __future__ import annotations

import time

import pytest
from standins import Fault

from .conftest import OpenRig
from .rig import Rig, counts


def busiest(rig: Rig, seconds: float) -> int:
    """The most updates that arrived within any stretch of that length."""
    times = [request.at for request in rig.stand_in.writes]
    return max(sum(1 for other in times if 0 <= other - start < seconds) for start in times)


@pytest.mark.parametrize(
    ("conn_type", "limit", "changes"), [("ocamba", 10, 15), ("lightfield", 25, 40), ("sonoran", 1, 3)]
)
def test_the_published_quota_holds_by_default(
    open_rig: OpenRig, conn_type: str, limit: int, changes: int
) -> None:
    rig = open_rig(conn_type)
    rig.hold(*range(changes))
    report = rig.push(rig.changes(*range(changes)), quota=None, concurrency=16)
    assert counts(report) == {"pushed": changes}
    assert busiest(rig, 0.7) <= limit
    assert report.throttled_seconds > 0


def test_the_connections_quota_comes_before_the_published_one(open_rig: OpenRig) -> None:
    rig = open_rig("sonoran")
    rig.connect(extra={"quota": "20/1s"})
    rig.hold(*range(30))
    began = time.monotonic()
    rig.push(rig.changes(*range(30)), quota=None)
    assert time.monotonic() - began < 20  # 22 a minute are published
    assert busiest(rig, 0.7) <= 20


def test_the_pushs_quota_comes_before_the_connections(open_rig: OpenRig) -> None:
    rig = open_rig("ocamba")
    rig.connect(extra={"quota": "1/60s"})
    rig.hold(*range(5))
    began = time.monotonic()
    assert counts(rig.push(rig.changes(*range(5)), quota="none")) == {"pushed": 5}
    assert time.monotonic() - began < 50


def test_several_windows_hold_at_once(open_rig: OpenRig) -> None:
    rig = open_rig("ocamba")
    rig.hold(*range(12))
    rig.push(rig.changes(*range(12)), quota="4/0.2s, 10/1s", concurrency=16)
    assert busiest(rig, 0.15) <= 4
    assert busiest(rig, 0.7) <= 10


def test_a_push_runs_near_its_quota(open_rig: OpenRig) -> None:
    rig = open_rig("ocamba")
    rig.hold(*range(60))
    began = time.monotonic()
    rig.push(rig.changes(*range(60)), quota="20/1s", concurrency=8)
    assert 1.9 <= time.monotonic() - began < 12  # two seconds, and the machine's own


def test_a_429_holds_every_request(open_rig: OpenRig) -> None:
    rig = open_rig("lightfield")
    rig.hold(*range(30))
    rig.stand_in.faults = [Fault(429, "slow down", {"Retry-After": "1"})]
    report = rig.push(rig.changes(*range(30)), concurrency=4)
    assert counts(report) == {"pushed": 30}
    refused = rig.stand_in.writes[0].at
    during = [request for request in rig.stand_in.writes if 0.1 < request.at - refused < 0.9]
    assert len(during) <= 4
