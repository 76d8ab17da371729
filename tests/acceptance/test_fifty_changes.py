"""Fifty changes, one of somebody unknown and one invalid: 48 pushed, 1 rejected, 1 invalid, and no more."""

from __future__ import annotations

import math
from typing import Any

from .bench import Bench, counts, registered
from .samples import SAMPLES


def fifty(bench: Bench) -> list[dict[str, Any]]:
    """48 good changes with an unknown key and an invalid change among them."""
    bench.hold(*range(50))
    changes = bench.changes(*range(48))
    changes.insert(17, bench.nobody())
    changes.insert(31, {"key": bench.sample.key(48), "fields": bench.sample.invalid})
    return changes


def assert_state_equals_source(bench: Bench) -> None:
    wanted = {bench.sample.key(number): bench.expected(number) for number in range(48)}
    wanted |= {bench.sample.key(number): bench.sample.before(number) for number in (48, 49)}
    assert bench.stand_in.profiles == wanted


def allowed_requests(bench: Bench, writes: int) -> int:
    """At most 2 % more than the writes needed, one token or catalogue, and the merge's reads."""
    return math.floor(1.02 * (writes + bench.sample.overhead + 49 * bench.sample.reads))


def test_every_registered_vendor_has_a_sample() -> None:
    assert sorted(SAMPLES) == sorted(registered())


def test_the_hook_reports_48_1_1(bench: Bench) -> None:
    report = bench.push(fifty(bench))
    assert counts(report) == {"pushed": 48, "rejected": 1, "invalid": 1}
    assert (report.received, report.complete) == (50, True)
    assert_state_equals_source(bench)


def test_the_operator_reports_48_1_1(bench: Bench) -> None:
    outcome = bench.run(fifty(bench), max_failed=2)
    assert outcome.green
    assert counts(outcome.report) == {"pushed": 48, "rejected": 1, "invalid": 1}
    assert outcome.report["received"] == 50
    assert_state_equals_source(bench)


def test_g8_as_few_requests_as_are_needed(bench: Bench) -> None:
    report = bench.push(fifty(bench))
    # A merge reads first, so that it need not write to somebody who is not there.
    writes = 49 - bench.sample.reads
    assert len(bench.stand_in.writes) == writes
    assert len(bench.stand_in.requests) <= allowed_requests(bench, writes)
    assert report.requests == len(bench.stand_in.requests)
    assert report.retries == 0


def test_connections_are_kept_alive_over_a_push(bench: Bench) -> None:
    bench.push(fifty(bench), concurrency=2)
    assert len({request.connection for request in bench.stand_in.requests}) <= 3


def test_concurrency_bounds_the_requests_in_flight(bench: Bench) -> None:
    bench.hold(*range(12))
    bench.push(bench.changes(*range(12)), concurrency=1)
    assert bench.stand_in.most_in_flight == 1


def test_the_host_may_come_with_its_port_apart(bench: Bench) -> None:
    bench.hold(1)
    bench.connect(host="http://127.0.0.1", port=bench.stand_in.port)
    assert counts(bench.push(bench.changes(1))) == {"pushed": 1}


def test_a_push_sends_no_extra_of_the_connection(bench: Bench) -> None:
    bench.hold(1)
    bench.connect(extra={"api_key_of_another": "MarkerQuartz", "timeout": 5})
    bench.push(bench.changes(1))
    for request in bench.stand_in.requests:
        assert "MarkerQuartz" not in f"{request.headers} {request.query}"
        assert "timeout" not in request.headers


def test_the_connection_test_changes_nothing(bench: Bench) -> None:
    bench.stand_in.probes = True
    bench.hold(1)
    works, message = bench.hook.test_connection()
    assert works, message
    assert bench.stand_in.writes == []
    assert bench.holds(1) == bench.sample.before(1)


def test_the_connection_test_tells_a_bad_credential(bench: Bench) -> None:
    bench.stand_in.probes = True
    bench.connect(password="Wr0ng-S3cr3t")
    works, message = bench.hook.test_connection()
    assert not works
    assert message
    assert "Wr0ng-S3cr3t" not in message


def test_the_connection_test_never_raises(bench: Bench) -> None:
    bench.connect(without=["host", "login", "password"])
    works, message = bench.hook.test_connection()
    assert not works
    assert message
