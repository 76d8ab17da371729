"""A token endpoint's answer is judged as OAuth (kind 20)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from acceptance.conftest import OpenRig
from acceptance.rig import Rig, counts
from neighbourhood.acts import LYING, UNREADABLE, body
from neighbourhood.fixtures import OpenHostile
from neighbourhood.hostile import Hostile

from airflow_profile_provider.errors import ConfigurationError, CredentialRefused, MassFailure, WrongHost


def to_the_token(asked: Any) -> bool:
    return "Token" in asked.path


@pytest.fixture
def rig(open_rig: OpenRig, plain_environment: pytest.MonkeyPatch) -> Rig:
    rig = open_rig("agilenow")
    rig.hurry(attempts=3)
    rig.hold(*range(6))
    return rig


@pytest.fixture
def vendor(rig: Rig, hostile: OpenHostile) -> Hostile:
    vendor = hostile(rig.stand_in.url)
    rig.connect(host=vendor.url)
    return vendor


def said(**members: Any) -> bytes:
    return json.dumps(members).encode()


@pytest.mark.parametrize("status", [200, 400, 401, 403, 429, 500, 503])
@pytest.mark.parametrize("error", ["invalid_client", "unauthorized_client", "invalid_scope"])
def test_an_oauth_error_is_a_refused_credential(rig: Rig, vendor: Hostile, status: int, error: str) -> None:
    """Case 20a: whatever the status; the task fails for good, and nothing was sent."""
    vendor.act(body(said(error=error, error_description="SECRET"), status), on=to_the_token, times=None)
    outcome = rig.run(rig.changes(1, 2))
    assert outcome.error is not None
    assert outcome.for_good or getattr(outcome.error, "hopeless", False)
    assert "SECRET" not in outcome.said
    assert counts(outcome.report) == {"unsent": 2}
    with pytest.raises(CredentialRefused, match=r"(?i)client secret"):
        rig.push(rig.changes(1))
    assert len([asked for asked in vendor.requests if to_the_token(asked)]) == 2


@pytest.mark.parametrize("status", [500, 502, 503, 429])
def test_a_busy_token_endpoint_is_no_wrong_host(rig: Rig, vendor: Hostile, status: int) -> None:
    """Case 20b: somebody answered: tried again, then the push stops, and nothing was sent."""
    vendor.act(body(b"busy", status), on=to_the_token, times=None)
    with pytest.raises(MassFailure, match=f"no token.*{status}") as stopped:
        rig.push(rig.changes(1, 2, 3))
    assert stopped.value.report is not None
    assert counts(stopped.value.report) == {"unsent": 3}
    assert len(vendor.requests) == 3


@pytest.mark.parametrize(
    "act", ["half an answer", "nothing", "a reset", "100,000 opening brackets", "a text"]
)
def test_a_token_that_gets_lost_is_asked_for_again(rig: Rig, vendor: Hostile, act: str) -> None:
    vendor.act({**LYING, **UNREADABLE}[act], on=to_the_token)
    assert counts(rig.push(rig.changes(1, 2))) == {"pushed": 2}


@pytest.mark.parametrize(
    "life", [0, -5, "0", "soon", "", None, True, [3600], 1e99, "1e999", 10**400, "600", 600.5, {"s": 1}]
)
def test_a_push_takes_one_token_whatever_its_life_is_said_to_be(rig: Rig, vendor: Hostile, life: Any) -> None:
    def say(connection: Any, honest: Any) -> None:
        body(said(**{**json.loads(honest.body), "expires_in": life}))(connection, honest)

    vendor.act(say, on=to_the_token, times=None)
    assert counts(rig.push(rig.changes(*range(6)), concurrency=3)) == {"pushed": 6}
    assert len([asked for asked in vendor.requests if to_the_token(asked)]) == 1


@pytest.mark.parametrize("token", ["", " ", "two words", "a\r\nX: y", "é", 17, None, ["a"]])
def test_what_no_header_can_hold_is_no_token(rig: Rig, vendor: Hostile, token: Any) -> None:
    vendor.act(body(said(access_token=token, expires_in=3600)), on=to_the_token, times=None)
    with pytest.raises(MassFailure, match="no token"):
        rig.push(rig.changes(1))
    assert all(to_the_token(asked) for asked in vendor.requests)


@pytest.mark.parametrize(
    ("token_url", "error", "words"),
    [
        ("http://127.0.0.1:9/token", WrongHost, "token_url"),
        ("{vendor}/nowhere", WrongHost, "token_url"),
        ("ftp://example.com/token", ConfigurationError, "token_url"),
        ("https://a:b@example.com/token", ConfigurationError, "token_url"),
        ("nonsense", ConfigurationError, "token_url"),
        ("http://[::1", ConfigurationError, "token_url"),
        ("http://example.com:99999/", ConfigurationError, "token_url"),
        (17, ConfigurationError, "token_url"),
        ([1], ConfigurationError, "token_url"),
    ],
)
def test_the_token_address_is_named_where_it_is_wrong(
    rig: Rig, token_url: Any, error: type[Exception], words: str
) -> None:
    if isinstance(token_url, str):
        token_url = token_url.format(vendor=rig.stand_in.url)
    rig.connect(extra={"token_url": token_url})
    with pytest.raises(error, match=words):
        rig.push(rig.changes(1))
    good, said_so = rig.hook.test_connection()
    assert not good
    assert words in said_so
