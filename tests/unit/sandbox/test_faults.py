"""Each kind of fault, seen by a real HTTP client, and which requests it strikes."""

from __future__ import annotations

import time
from typing import Any

import pytest
import requests

from airflow_profile_provider.sandbox import Refused, Sandbox

from .conftest import Door

PROFILES = "/v1/hood/profiles"


def patch(door: Door, name: str = "Ada", key: str | None = None, **options: Any) -> requests.Response:
    return door.ask("PATCH", f"{PROFILES}/{key or door.key}", json={"full_name": name}, **options)


def committed(door: Door) -> bool:
    return bool(door.fields()["full_name"] == "Ada")


def test_a_status_answers_with_its_body_and_headers_and_commits_nothing(ocamba: Door) -> None:
    ocamba.sandbox.faults(
        "ocamba",
        "status",
        status=503,
        body={"why": "x"},
        headers={"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"},
    )
    answer = patch(ocamba)
    assert (answer.status_code, answer.json()) == (503, {"why": "x"})
    assert answer.headers["retry-after"] == "Wed, 21 Oct 2026 07:28:00 GMT"
    assert not committed(ocamba)


def test_a_status_can_hide_a_commit(ocamba: Door) -> None:
    ocamba.sandbox.faults("ocamba", "status", status=504, commit=True)
    assert patch(ocamba).status_code == 504
    assert committed(ocamba)


def test_a_lost_answer_is_committed_and_the_connection_closed(ocamba: Door) -> None:
    ocamba.sandbox.faults("ocamba", "lost", times=1)
    with pytest.raises(requests.ConnectionError, match="without response"):
        patch(ocamba)
    assert committed(ocamba)


def test_a_reset_commits_nothing(ocamba: Door) -> None:
    ocamba.sandbox.faults("ocamba", "reset", times=1)
    with pytest.raises(requests.ConnectionError, match="reset by peer"):
        patch(ocamba)
    assert not committed(ocamba)
    assert patch(ocamba).status_code == 204


def test_a_delay_commits_at_once_and_answers_late(ocamba: Door) -> None:
    ocamba.sandbox.faults("ocamba", "delay", delay=5)
    with pytest.raises(requests.ReadTimeout):
        patch(ocamba, timeout=0.2)
    assert committed(ocamba)


def test_a_delay_before_commits_late(ocamba: Door) -> None:
    ocamba.sandbox.faults("ocamba", "delay", delay=0.4, when="before")
    with pytest.raises(requests.ReadTimeout):
        patch(ocamba, timeout=0.1)
    assert not committed(ocamba)
    time.sleep(0.5)
    assert committed(ocamba)


def test_a_truncated_answer_ends_before_its_length(communifire: Door) -> None:
    communifire.sandbox.faults("communifire", "truncate", times=1)
    with pytest.raises(requests.exceptions.ChunkedEncodingError, match="IncompleteRead"):
        communifire.ask("POST", "/api/users/fields", json={"UserID": communifire.key, "Phone": "1"})
    assert communifire.fields()["Phone"] == "1"


def test_html_and_empty_answers_say_200_and_commit_nothing(ocamba: Door) -> None:
    ocamba.sandbox.faults("ocamba", "html", times=1)
    ocamba.sandbox.faults("ocamba", "empty", times=1)
    first, second = patch(ocamba), patch(ocamba)
    assert (first.status_code, first.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert "<form" in first.text
    assert (second.status_code, second.content) == (200, b"")
    assert not committed(ocamba)


def test_a_redirect_leads_to_a_login_page_that_says_200(ocamba: Door) -> None:
    ocamba.sandbox.faults("ocamba", "redirect")
    assert patch(ocamba).status_code == 302
    followed = patch(ocamba, allow_redirects=True)
    assert (followed.status_code, followed.request.method, "Sign in" in followed.text) == (200, "GET", True)
    assert not committed(ocamba)


def test_an_expired_token_is_void_until_a_new_one_is_asked_for(agilenow: Door) -> None:
    agilenow.sandbox.faults("agilenow", "expire_token", times=1)
    path = f"/Endpoint/rest/api/v1/Account/{agilenow.key}"
    assert [agilenow.ask("GET", path).status_code for _ in range(2)] == [401, 401]


@pytest.mark.parametrize(
    ("vendor", "method", "path", "status"),
    [
        ("sonoran", "POST", "/general/get_sub_version", 400),
        ("communifire", "GET", "/api/users/me", 401),
        ("lightfield", "GET", "/v1/auth/validate", 401),
        ("ocamba", "GET", PROFILES, 401),
    ],
)
def test_a_fixed_credential_is_refused_once(
    request: pytest.FixtureRequest, vendor: str, method: str, path: str, status: int
) -> None:
    door: Door = request.getfixturevalue(vendor)
    door.sandbox.faults(vendor, "expire_token", times=1)
    assert door.ask(method, path, json={} if method == "POST" else None).status_code == status


# -- matching ----------------------------------------------------------------------------------------------


def test_a_fault_strikes_by_vendor_method_path_and_key(ocamba: Door, communifire: Door) -> None:
    first, second = list(ocamba.sandbox.keys("ocamba"))[:2]
    ocamba.sandbox.faults(
        "ocamba", "status", status=500, method="PATCH", path=r"^/v1/hood/profiles/\d+$", key=second
    )
    assert patch(ocamba, key=first).status_code == 204
    assert ocamba.ask("GET", f"{PROFILES}/{second}").status_code == 200
    assert communifire.ask("GET", "/api/users/me").status_code == 200
    assert patch(ocamba, key=second).status_code == 500
    assert ocamba.sandbox.show_faults()[0]["struck"] == 1


def test_a_key_in_the_body_is_matched(communifire: Door) -> None:
    communifire.sandbox.faults("communifire", "status", status=500, key=communifire.key)
    body = {"UserID": communifire.key, "Phone": "1"}
    assert communifire.ask("POST", "/api/users/fields", json=body).status_code == 500
    assert communifire.ask("POST", "/api/users/fields", json={**body, "UserID": "2"}).status_code == 200


@pytest.mark.parametrize(
    ("match", "statuses"),
    [
        ({"times": 2}, [500, 500, 204, 204, 204, 204]),
        ({"times": 1, "skip": 2}, [204, 204, 500, 204, 204, 204]),
        ({"every": 3}, [204, 204, 500, 204, 204, 500]),
        ({"probability": 0.5, "seed": 3}, [500, 204, 500, 204, 204, 500]),
    ],
)
def test_a_fault_strikes_so_many_of_the_matching_requests(
    ocamba: Door, match: dict[str, Any], statuses: list[int]
) -> None:
    ocamba.sandbox.faults("ocamba", "status", status=500, **match)
    assert [patch(ocamba).status_code for _ in statuses] == statuses


def test_cleared_faults_strike_no_more(ocamba: Door) -> None:
    ocamba.sandbox.faults("ocamba", "status", status=500)
    ocamba.sandbox.clear_faults()
    assert patch(ocamba).status_code == 204


def test_a_fault_that_makes_no_sense_is_refused(sandbox: Sandbox) -> None:
    for wrong in ({"kind": "explode"}, {"kind": "lost", "tiems": 1}, {"vendor": "acme"}, {"when": "later"}):
        with pytest.raises(Refused):
            sandbox.faults(**{"vendor": None, **wrong})
