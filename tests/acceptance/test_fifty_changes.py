"""Fifty changes, one of somebody unknown and one invalid: 48 pushed, 1 rejected, 1 invalid, and no more."""

from __future__ import annotations

import math
from typing import Any

from .rig import Rig, counts, registered
from .samples import SAMPLES


def fifty(rig: Rig) -> list[dict[str, Any]]:
    """48 good changes with an unknown key and an invalid change among them."""
    rig.hold(*range(50))
    changes = rig.changes(*range(48))
    changes.insert(17, rig.nobody())
    changes.insert(31, {"key": rig.sample.key(48), "fields": rig.sample.invalid})
    return changes


def assert_state_equals_source(rig: Rig) -> None:
    wanted = {rig.sample.key(number): rig.expected(number) for number in range(48)}
    wanted |= {rig.sample.key(number): rig.sample.before(number) for number in (48, 49)}
    assert rig.stand_in.profiles == wanted


def allowed_requests(rig: Rig, writes: int) -> int:
    """At most 2 % more than the writes needed, one token or catalogue, and the merge's reads."""
    return math.floor(1.02 * (writes + rig.sample.overhead + 49 * rig.sample.reads))


def test_every_registered_vendor_has_a_sample() -> None:
    assert sorted(SAMPLES) == sorted(registered())


def test_the_hook_reports_48_1_1(rig: Rig) -> None:
    report = rig.push(fifty(rig))
    assert counts(report) == {"pushed": 48, "rejected": 1, "invalid": 1}
    assert (report.received, report.complete) == (50, True)
    assert_state_equals_source(rig)


def test_the_operator_reports_48_1_1(rig: Rig) -> None:
    outcome = rig.run(fifty(rig), max_failed=2)
    assert outcome.green
    assert counts(outcome.report) == {"pushed": 48, "rejected": 1, "invalid": 1}
    assert outcome.report["received"] == 50
    assert_state_equals_source(rig)


def test_g8_as_few_requests_as_are_needed(rig: Rig) -> None:
    report = rig.push(fifty(rig))
    # A merge reads first, so that it need not write to somebody who is not there.
    writes = 49 - rig.sample.reads
    assert len(rig.stand_in.writes) == writes
    assert len(rig.stand_in.requests) <= allowed_requests(rig, writes)
    assert report.requests == len(rig.stand_in.requests)
    assert report.retries == 0


def test_connections_are_kept_alive_over_a_push(rig: Rig) -> None:
    rig.push(fifty(rig), concurrency=2)
    assert len({request.connection for request in rig.stand_in.requests}) <= 3


def test_concurrency_bounds_the_requests_in_flight(rig: Rig) -> None:
    rig.hold(*range(12))
    rig.push(rig.changes(*range(12)), concurrency=1)
    assert rig.stand_in.most_in_flight == 1


def test_the_host_may_come_with_its_port_apart(rig: Rig) -> None:
    rig.hold(1)
    rig.connect(host="http://127.0.0.1", port=rig.stand_in.port)
    assert counts(rig.push(rig.changes(1))) == {"pushed": 1}


def test_a_push_sends_no_extra_of_the_connection(rig: Rig) -> None:
    rig.hold(1)
    rig.connect(extra={"api_key_of_another": "MarkerQuartz", "timeout": 5})
    rig.push(rig.changes(1))
    for request in rig.stand_in.requests:
        assert "MarkerQuartz" not in f"{request.headers} {request.query}"
        assert "timeout" not in request.headers


def test_the_connection_test_changes_nothing(rig: Rig) -> None:
    rig.stand_in.probes = True
    rig.hold(1)
    works, message = rig.hook.test_connection()
    assert works, message
    assert rig.stand_in.writes == []
    assert rig.holds(1) == rig.sample.before(1)


def test_the_connection_test_tells_a_bad_credential(rig: Rig) -> None:
    rig.stand_in.probes = True
    rig.connect(password="Wr0ng-S3cr3t")
    works, message = rig.hook.test_connection()
    assert not works
    assert message
    assert "Wr0ng-S3cr3t" not in message


def test_the_connection_test_never_raises(rig: Rig) -> None:
    rig.connect(without=["host", "login", "password"])
    works, message = rig.hook.test_connection()
    assert not works
    assert message
