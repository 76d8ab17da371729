"""The quota: as many requests as the vendor allows, and never one more."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_profile_provider.errors import ConfigurationError
from airflow_profile_provider.quota import Quota, parse_quota
from airflow_profile_provider.vendor import Rate


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
    st.builds(Rate, st.integers(1, 20), st.sampled_from([0.5, 1.0, 10.0, 60.0])), min_size=1, max_size=3
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
        (" None ", ()),
    ],
)
def test_a_quota_is_read_as_it_is_written(text: str, found: tuple[Rate, ...]) -> None:
    assert parse_quota(text) == found


@pytest.mark.parametrize("text", ["", "fast", "10", "0/1s", "10/1s;2/2s", "-1/1s"])
def test_a_quota_that_is_not_understood_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="10/1s, 150/60s"):
        parse_quota(text)
