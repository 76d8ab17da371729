"""Quotas are enforced with the published numbers, in fixed and sliding windows; tests move the clock."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from airflow_profile_provider.sandbox.quota import Bucket, Limit, Peak, wait_for

from .conftest import Door

VALIDATE = "/v2/ocamba/personal-api-keys/validate"


def test_a_fixed_window_is_whole_again_at_the_full_second() -> None:
    bucket = Bucket([Limit(2, 1.0)])
    assert [bucket.take(at, sliding=False)[0] for at in (0.8, 0.9, 0.95, 1.0, 1.1, 1.2)] == [
        True,
        True,
        False,
        True,
        True,
        False,
    ]


def test_a_sliding_window_looks_back_from_each_request() -> None:
    bucket = Bucket([Limit(2, 1.0)])
    assert [bucket.take(at, sliding=True)[0] for at in (0.8, 0.9, 1.0, 1.79, 1.81, 1.85, 1.91)] == [
        True,
        True,
        False,
        False,
        True,
        False,
        True,
    ]


def test_a_request_must_fit_all_windows_and_waits_for_the_slowest() -> None:
    bucket = Bucket([Limit(2, 1.0), Limit(3, 60.0)])
    assert [bucket.take(at, sliding=False)[0] for at in (0.0, 0.1, 0.2, 1.0, 2.0)] == [
        True,
        True,
        False,
        True,
        False,
    ]
    assert wait_for(bucket.take(20.0, sliding=False)[1]) == 40.0


def test_the_peak_is_the_most_within_any_window() -> None:
    peak = Peak(1.0)
    for at in (0.0, 0.9, 1.1, 1.2, 3.0):
        peak.see(at)
    assert peak.most == 3


# -- Ocamba ------------------------------------------------------------------------------------------------


def validate(door: Door, times: int) -> list[requests.Response]:
    return [door.ask("POST", VALIDATE) for _ in range(times)]


def statuses(answers: list[requests.Response]) -> list[int]:
    return [each.status_code for each in answers]


def test_ocamba_allows_10_a_second_and_150_a_minute(ocamba: Door) -> None:
    ocamba.sandbox.freeze()
    ocamba.sandbox.advance(60 - _second_of_minute(ocamba))
    answers = validate(ocamba, 11)
    assert statuses(answers) == [204] * 10 + [429]
    assert answers[0].headers["x-ratelimit-limit"] == "10"
    assert [each.headers["x-ratelimit-remaining"] for each in answers[:10]] == [
        str(n) for n in range(9, -1, -1)
    ]
    assert answers[10].headers["retry-after"] == "1"
    assert "x-ratelimit-limit" not in answers[10].headers
    for _ in range(14):
        ocamba.sandbox.advance(1)
        assert statuses(validate(ocamba, 10)) == [204] * 10
    ocamba.sandbox.advance(1)
    late = validate(ocamba, 1)[0]
    assert (late.status_code, late.headers["retry-after"]) == (429, "45")
    ocamba.sandbox.advance(45)
    assert statuses(validate(ocamba, 1)) == [204]


def _second_of_minute(door: Door) -> float:
    return float(door.sandbox.control("GET", "clock")["now"]) % 60


def test_ocamba_counts_each_endpoint_for_itself_or_all_together(ocamba: Door) -> None:
    ocamba.sandbox.freeze()
    ocamba.set(quota={"C": [[1, 60]]})
    assert statuses(validate(ocamba, 2)) == [204, 429]
    assert ocamba.ask("GET", "/v1/hood/organizations").status_code == 200
    ocamba.set(quota={"C": [[1, 60]]}, quota_scope="account")
    assert statuses(validate(ocamba, 1)) == [204]
    assert ocamba.ask("GET", "/v1/hood/organizations").status_code == 429


def test_ocamba_refuses_too_many_at_once_with_minus_one(ocamba: Door) -> None:
    ocamba.set(parallel_limit=2, latency=0.5)
    headers = dict(ocamba.session.headers)
    with ThreadPoolExecutor(5) as pool:
        answers = list(
            pool.map(
                lambda _: requests.post(ocamba.sandbox.url + VALIDATE, headers=headers, timeout=10), range(5)
            )
        )
    assert sorted(statuses(answers)) == [204, 204, 429, 429, 429]
    assert {each.headers["retry-after"] for each in answers if each.status_code == 429} == {"-1"}


def test_ocamba_may_leave_retry_after_out(ocamba: Door) -> None:
    ocamba.sandbox.freeze()
    ocamba.set(retry_after=False, headers_window="minute")
    answers = validate(ocamba, 11)
    assert answers[0].headers["x-ratelimit-limit"] == "150"
    assert (answers[10].status_code, "retry-after" in answers[10].headers) == (429, False)


# -- Lightfield --------------------------------------------------------------------------------------------


def test_lightfield_allows_25_a_second_in_each_category(lightfield: Door) -> None:
    lightfield.sandbox.freeze()
    path = f"/v1/accounts/{lightfield.key}"
    answers = [lightfield.ask("POST", path, json={"fields": {}}) for _ in range(26)]
    assert statuses(answers) == [200] * 25 + [429]
    assert answers[25].headers["retry-after"] == "1"
    assert answers[25].headers["x-ratelimit-limit"] == "25"
    assert float(answers[25].headers["x-ratelimit-reset"]) > lightfield.sandbox.control("GET", "clock")["now"]
    assert answers[25].json()["error"]["type"] == "too_many_requests"
    assert lightfield.ask("GET", path).status_code == 200
    assert lightfield.ask("GET", "/v1/accounts").status_code == 200
    assert lightfield.sandbox.requests("lightfield")["max_by_bucket"]["write"] == {"1s": 26, "60s": 26}


# -- Sonoran -----------------------------------------------------------------------------------------------


def call(door: Door) -> requests.Response:
    body = {"id": door.connection["login"], "key": door.connection["password"], "type": "GET_SUB_VERSION"}
    return door.ask("POST", "/general/get_sub_version", json={**body, "data": []})


def test_sonoran_bears_one_call_a_second_for_ever(sonoran: Door) -> None:
    sonoran.sandbox.freeze()
    for _ in range(150):
        assert call(sonoran).status_code == 200
        sonoran.sandbox.advance(1)


def test_sonoran_blocks_for_an_hour_whoever_exceeds_it_for_a_minute(sonoran: Door) -> None:
    sonoran.sandbox.freeze()
    assert [call(sonoran).status_code for _ in range(62)] == [200] * 61 + [429]
    sonoran.sandbox.advance(3599)
    blocked = call(sonoran)
    assert (blocked.status_code, blocked.headers["retry-after"]) == (429, "1")
    assert blocked.json()["message"] == "API rate limit exceeded"
    sonoran.sandbox.advance(1)
    assert call(sonoran).status_code == 200


def test_sonorans_block_and_patience_can_be_shorter(sonoran: Door) -> None:
    sonoran.sandbox.freeze()
    sonoran.set(block_seconds=60, sustained_seconds=10, retry_after=False)
    assert [call(sonoran).status_code for _ in range(12)] == [200] * 11 + [429]
    assert "retry-after" not in call(sonoran).headers
    sonoran.sandbox.advance(60)
    assert call(sonoran).status_code == 200


@pytest.mark.parametrize(
    ("path", "limit"),
    [("/v2/community", 13), ("/v2/community/accounts", 22), ("/v2/community/accounts/search?username=a", 27)],
)
def test_sonoran_v2_limits_each_endpoint_by_the_minute(sonoran: Door, path: str, limit: int) -> None:
    sonoran.sandbox.freeze()
    answers = [sonoran.ask("GET", path) for _ in range(limit + 1)]
    assert statuses(answers) == [200] * limit + [429]
    assert 1 <= int(answers[-1].headers["retry-after"]) <= 60


# -- switches ----------------------------------------------------------------------------------------------


def test_quotas_can_be_switched_off_and_raised(ocamba: Door) -> None:
    ocamba.sandbox.freeze()
    ocamba.set(quota=False)
    assert set(statuses(validate(ocamba, 20))) == {204}
    ocamba.set(quota={"C": [[15, 1]]})
    assert statuses(validate(ocamba, 16)) == [204] * 15 + [429]


def test_vendors_without_published_limits_enforce_none(communifire: Door) -> None:
    communifire.sandbox.freeze()
    assert {communifire.ask("GET", "/api/users/me").status_code for _ in range(100)} == {200}


def test_windows_can_slide(ocamba: Door) -> None:
    ocamba.sandbox.freeze()
    ocamba.sandbox.advance(1 - _second_of_minute(ocamba) % 1 + 0.9)
    ocamba.set(window="sliding", quota={"C": [[1, 1]]})
    assert statuses(validate(ocamba, 1)) == [204]
    ocamba.sandbox.advance(0.5)
    assert statuses(validate(ocamba, 1)) == [429]
    ocamba.sandbox.advance(0.5)
    assert statuses(validate(ocamba, 1)) == [204]
