"""The quota: as many requests as the vendor allows, and never one more."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_profile_provider.delivery.adaptive_rate import FLOOR_SHARE
from airflow_profile_provider.delivery.quota import Quota
from airflow_profile_provider.delivery.rates import fastest, parse_quota
from airflow_profile_provider.errors import Blocked, ConfigurationError, Paused
from airflow_profile_provider.vendors.exchange import Allowance, Answer, Rate, allowance


class Clock:
    """A clock that only waiting moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    def wait(self, seconds: float) -> None:
        self.now += seconds


def quota(*rates: Rate) -> tuple[Quota, Clock]:
    clock = Clock()
    return Quota(rates, clock=clock, wait=clock.wait), clock


rates = st.lists(
    st.builds(Rate, st.integers(1, 20), st.sampled_from([0.5, 1.0, 1.5, 10.0, 60.0])), min_size=1, max_size=3
)


@given(rates, st.lists(st.tuples(st.floats(0, 0.4), st.floats(0, 1)), min_size=1, max_size=120))
def test_no_window_ever_holds_more_than_the_limit_wherever_between_sending_and_answer_it_counts(
    limits: list[Rate], travels: list[tuple[float, float]]
) -> None:
    permits, clock = quota(*limits)
    arrivals = []
    for travel, share in travels:
        permits.acquire()
        arrivals.append(clock.now + travel * share)
        clock.now += travel
        permits.release()
    for rate in limits:
        for first in arrivals:
            inside = [at for at in arrivals if first <= at < first + rate.seconds]
            assert len(inside) <= rate.limit


@pytest.mark.parametrize("others", [(), (Rate(150, 60),)])
def test_a_higher_rate_over_a_longer_window_still_counts(others: tuple[Rate, ...]) -> None:
    """10 a second lets 20 go out in one and a half, which 18 in one and a half do not."""
    permits, clock = quota(Rate(10, 1), Rate(18, 1.5), *others)
    begun, sent = clock.now, 0
    while clock.now - begun < 1.5:
        send(permits, clock)
        sent += clock.now - begun < 1.5
    assert sent == 18


def test_a_higher_rate_still_counts_where_the_vendor_lowers_another() -> None:
    permits, clock = quota(Rate(10, 1), Rate(18, 1.5), Rate(150, 60))
    for _ in range(3):
        send(permits, clock)
    permits.acquire()
    permits.heard(Allowance(4, 0, 1.0), refused=False)
    permits.release()
    begun = clock.now
    permits.acquire()
    assert clock.now - begun >= 0.99


def test_it_runs_as_near_to_the_quota_as_it_can() -> None:
    permits, clock = quota(Rate(10, 1), Rate(150, 60))
    begun = clock.now
    for _ in range(400):
        permits.acquire()
        permits.release()
    fewest = 120 + 9  # two full minutes, and a hundred requests in bursts of ten
    assert fewest <= clock.now - begun <= fewest * 1.03


def test_a_permit_that_is_not_given_back_counts() -> None:
    permits, clock = quota(Rate(2, 1))
    permits.acquire()
    permits.acquire()
    woken: list[float] = []

    def answer_comes(seconds: float) -> None:
        woken.append(seconds)
        if len(woken) == 1:
            permits.release()
        clock.now += seconds

    permits._wait = answer_comes
    assert permits.acquire() > 1.0


def test_holding_stops_every_request_for_so_long() -> None:
    permits, _ = quota()
    permits.hold(7)
    permits.hold(3)
    assert permits.acquire() == pytest.approx(7)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("10/1s, 150/60s", (Rate(10, 1), Rate(150, 60))),
        ("22/m", (Rate(22, 60),)),
        ("5/s", (Rate(5, 1),)),
        ("1000/1h", (Rate(1000, 3600),)),
        (" none ", ()),
    ],
)
def test_a_quota_is_read_as_it_is_written(text: str, found: tuple[Rate, ...]) -> None:
    assert parse_quota(text) == found


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "None",
        "null",
        "NaN",
        "fast",
        "10",
        "0/1s",
        "10/0s",
        "10/1s;2/2s",
        "-1/1s",
        "9/99999999h",
        None,
        10,
        True,
    ],
)
def test_a_quota_that_is_not_understood_is_refused(text: Any) -> None:
    with pytest.raises(ConfigurationError, match="10/1s, 150/60s"):
        parse_quota(text)


# -- what the vendor says ------------------------------------------------------------------------------


def send(
    permits: Quota, clock: Clock, latency: float = 0.0, answer: Allowance | None = None, **how: bool
) -> None:
    """Make one request that takes so long."""
    permits.acquire()
    clock.now += latency
    permits.heard(answer, refused=how.get("refused", False))
    permits.release(latency)


def test_a_vendor_that_has_less_left_than_we_know_of_is_believed() -> None:
    permits, clock = quota(Rate(150, 60))
    send(permits, clock, answer=Allowance(150, 2, 20.0))  # somebody else used 147
    begun = clock.now
    for _ in range(3):
        send(permits, clock)
    assert clock.now - begun == pytest.approx(20.0)


def test_what_is_left_is_not_believed_where_it_is_what_we_used_ourselves() -> None:
    permits, clock = quota(Rate(150, 60))
    begun = clock.now
    for n in range(150):
        send(permits, clock, answer=Allowance(150, 149 - n, 60.0))
    assert clock.now == begun


def test_once_the_window_is_over_one_request_asks_what_there_is_now() -> None:
    permits, clock = quota(Rate(150, 60))
    send(permits, clock, answer=Allowance(150, 0, 5.0))
    permits.acquire()
    assert permits._missing() > 0  # the second waits for the first one's answer
    permits.heard(Allowance(150, 140, 60.0), refused=False)
    permits.release()
    assert permits._missing() == 0


def test_a_lower_limit_than_the_published_one_is_kept() -> None:
    permits, clock = quota(Rate(25, 1))
    send(permits, clock, answer=Allowance(5, 4, 1.0))
    begun = clock.now
    for _ in range(14):
        send(permits, clock)
    assert clock.now - begun == pytest.approx(2.0, abs=0.02)


@pytest.mark.parametrize(
    ("headers", "found"),
    [
        (("150", "149", "60"), Allowance(150, 149, 60.0)),
        (("150", "149", "-3"), Allowance(150, 149, 0.0)),
        (("150", "151", "60"), None),
        (("many", "149", "60"), None),
        (("150", "149"), None),
    ],
)
def test_the_headers_are_read_where_they_make_sense(
    headers: tuple[str, ...], found: Allowance | None
) -> None:
    names = ("x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset")
    assert allowance(Answer(200, dict(zip(names, headers, strict=False)), b"")) == found


def test_a_reset_that_is_a_date_is_one() -> None:
    headers = {"x-ratelimit-limit": "25", "x-ratelimit-remaining": "24"}
    read = allowance(Answer(200, {**headers, "x-ratelimit-reset": str(time.time() + 30)}, b""))
    assert read is not None
    assert 29 < read.reset <= 30


# -- the pace ------------------------------------------------------------------------------------------


def rate_of(permits: Quota, clock: Clock, requests: int = 10) -> float:
    """Send requests that take no time, and return their rate."""
    begun = clock.now
    for _ in range(requests):
        send(permits, clock)
    return requests / max(clock.now - begun, 1e-9)


def test_after_a_refusal_the_rate_falls_to_half_and_recovers() -> None:
    permits, clock = quota()
    for _ in range(40):
        send(permits, clock, 0.1)
    send(permits, clock, 0.1, refused=True)
    assert permits._missing() == pytest.approx(1 / 5 - 0.1, abs=0.03)
    for _ in range(2000):
        send(permits, clock)
    assert not permits.adaptive_rate.limited


@pytest.mark.parametrize(("changes", "latency"), [(300, 0.005), (3000, 0.005), (300, 0.05)])
def test_a_vendor_that_refuses_now_and_then_costs_the_waits_that_it_asks_for(
    changes: int, latency: float
) -> None:
    """Case 23k: every 20th request is answered 429 with ``Retry-After: 1``, whatever the rate."""
    permits, clock = quota()
    begun, asked, done, number = clock.now, 0.0, 0, 0
    while done < changes:
        number += 1
        refused = number % 20 == 0
        send(permits, clock, latency, refused=refused)
        if refused:
            permits.hold(1.0)
            asked += 1.0
        else:
            done += 1
    assert clock.now - begun <= 1.3 * asked + 2 * number * latency


def test_the_rate_finds_back_within_seconds() -> None:
    permits, clock = quota()
    for _ in range(100):
        send(permits, clock, 0.01)
    send(permits, clock, 0.01, refused=True)
    permits.hold(2.0)
    begun = clock.now
    while clock.now < begun + 4.0:
        send(permits, clock, 0.01)
    assert rate_of(permits, clock) > 85


def test_the_rate_never_falls_below_a_share_of_the_published_quota() -> None:
    clock = Clock()
    published = (Rate(10, 1), Rate(150, 60))
    permits = Quota((), published=published, clock=clock, wait=clock.wait)
    for _ in range(60):
        send(permits, clock, 0.01, refused=True)
        clock.now += 1.1
    send(permits, clock)
    assert rate_of(permits, clock) >= FLOOR_SHARE * 2.5 * 0.99


def test_a_lower_limit_than_anybody_told_is_found_and_kept() -> None:
    """Five a second are taken, whatever is published: after a while nearly none is refused."""
    permits, clock = quota()
    taken: list[float] = []
    refusals: list[float] = []
    begun = clock.now
    while clock.now < begun + 180:
        permits.acquire()
        clock.now += 0.01
        refused = len([at for at in taken if at > clock.now - 1]) >= 5
        (refusals if refused else taken).append(clock.now)
        permits.heard(None, refused=refused)
        permits.release(0.01)
        if refused:
            permits.hold(1.0)
    late = [at for at in refusals if at > begun + 60]
    served = [at for at in taken if at > begun + 60]
    assert len(late) <= 0.06 * len(served)
    assert len(served) >= 0.6 * 5 * 120


@pytest.mark.parametrize("reset", [61.0, 900_000.0])
def test_a_reset_in_days_is_no_wait_of_days(caplog: pytest.LogCaptureFixture, reset: float) -> None:
    """Case 23f: nothing left for ten days: one request asks again in a minute, and the log says so."""
    permits, _ = quota(Rate(150, 60))
    permits.acquire(most=60)
    permits.heard(Allowance(150, 0, reset), refused=False, most=60)
    permits.release()
    assert permits.acquire(most=60) == pytest.approx(60)
    assert "asked again after 60 s" in caplog.text


def test_a_vendor_that_wants_to_be_left_alone_for_long_is() -> None:
    """Case 13i: no permit is waited for that long, and none is given early."""
    permits, clock = quota()
    permits.hold(3600)
    for _ in range(2):
        with pytest.raises(Blocked, match="3600 s") as blocked:
            permits.acquire(most=60)
        assert blocked.value.after == pytest.approx(3600, abs=60)
    with pytest.raises(Paused):
        permits.acquire(patience=30, most=60)
    clock.now += 3600
    assert permits.acquire(most=60) == 0


def test_refusals_of_one_burst_slow_it_down_once() -> None:
    permits, clock = quota()
    for _ in range(40):
        send(permits, clock, 0.1)
    for _ in range(3):
        permits.acquire()
    for _ in range(3):
        permits.heard(None, refused=True)
        permits.release()
    assert permits._missing() == pytest.approx(1 / 5, abs=0.05)


def test_who_cannot_know_what_was_used_starts_evenly_and_then_goes_on_as_usual() -> None:
    permits, clock = quota(Rate(10, 1), Rate(150, 60))
    permits.start_evenly()
    assert rate_of(permits, clock, 100) == pytest.approx(2.5, rel=0.05)
    clock.now += 60
    assert rate_of(permits, clock, 10) > 1000


def test_a_successor_that_is_told_what_was_used_goes_on_exactly() -> None:
    permits, clock = quota(Rate(150, 60))
    for _ in range(150):
        send(permits, clock, 0.01)
    ages = permits.ages()
    clock.now += 5
    after, later = quota(Rate(150, 60))
    after.remember(age + 5 for age in ages)
    assert after.acquire() == pytest.approx(60 - 5 - 1.49, abs=0.05)
    del later


# -- patience ------------------------------------------------------------------------------------------


def test_a_wait_above_the_patience_is_not_slept_through() -> None:
    permits, clock = quota(Rate(10, 60))
    for _ in range(10):
        send(permits, clock)
    begun = clock.now
    with pytest.raises(Paused, match="quota") as caught:
        permits.acquire(patience=30)
    assert clock.now == begun
    assert caught.value.after == pytest.approx(60, abs=0.1)


@pytest.mark.parametrize(
    ("requests", "seconds"), [(0, 0), (1, 0), (10, 0), (11, 1), (150, 14), (151, 60), (400, 129)]
)
def test_the_estimate_is_what_the_quota_allows_at_best(requests: int, seconds: float) -> None:
    assert fastest((Rate(10, 1), Rate(150, 60)), requests) == seconds


def test_the_share_of_the_quota_is_told() -> None:
    permits, clock = quota(Rate(10, 1), Rate(150, 60))
    for _ in range(30):
        send(permits, clock)
    assert permits.used() == "30 of the 150 requests that 60 s allow"
