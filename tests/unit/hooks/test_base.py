"""The hook's connection and session: what is sent, what is not, and how often it is looked up."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from standins import AgileNow, Fault, Ocamba, Sonoran

from airflow_profile_provider.adapters.settings import Settings
from airflow_profile_provider.delivery.retries import RetryRule
from airflow_profile_provider.delivery.wire import Observed
from airflow_profile_provider.errors import (
    ConfigurationError,
    CredentialRefused,
    PushStopped,
    Unanswered,
    WrongHost,
)
from airflow_profile_provider.hooks.agilenow import AgileNowHook
from airflow_profile_provider.hooks.ocamba import OcambaHook
from airflow_profile_provider.hooks.sonoran import SonoranHook
from airflow_profile_provider.vendors.exchange import Rate, Request
from airflow_profile_provider.vendors.ocamba import Ocamba as OcambaRules


@pytest.fixture
def ocamba() -> Iterator[Ocamba]:
    with Ocamba({str(n): {"comment": ""} for n in range(20)}) as stand_in:
        yield stand_in


def connect(
    monkeypatch: pytest.MonkeyPatch, stand_in: Any, conn_id: str = "ocamba_default", **more: Any
) -> None:
    connection = {"conn_type": "http", "host": "http://127.0.0.1", "port": stand_in.port}
    connection |= {"login": stand_in.login, "password": stand_in.secret, "extra": {"quota": "none"}}
    monkeypatch.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", json.dumps(connection | more))


CHANGES = [{"key": str(n), "fields": {"comment": "x"}} for n in range(20)]


def test_no_extra_becomes_a_header(ocamba: Ocamba, monkeypatch: pytest.MonkeyPatch) -> None:
    connect(
        monkeypatch, ocamba, extra={"quota": "none", "concurrency": 2, "other_secret": "LEAKED", "timeout": 5}
    )
    assert OcambaHook().push(CHANGES).pushed == 20
    sent = {name for request in ocamba.requests for name in request.headers}
    assert sent == {
        "accept",
        "accept-encoding",
        "authorization",
        "content-length",
        "content-type",
        "host",
        "user-agent",
    }
    assert "LEAKED" not in repr(ocamba.requests)


def test_netrc_does_not_replace_the_credential(
    ocamba: Ocamba, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password else\n")
    monkeypatch.setenv("NETRC", str(netrc))
    connect(monkeypatch, ocamba)
    assert OcambaHook().push(CHANGES[:1]).pushed == 1


def test_an_observer_hears_of_each_request_and_takes_nothing_of_its_answer(
    ocamba: Ocamba, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect(monkeypatch, ocamba)
    hook = OcambaHook()
    heard: list[Observed] = []
    transport = hook._transport(hook.vendor(), "none", observer=heard.append)
    ocamba.faults = [Fault(503, {"message": "busy"}), Fault(drop=True), Fault(400, {"message": "no"})]
    request = Request("PATCH", "/v1/hood/profiles/1", lambda answer: answer, b"{}")
    answer = transport.send(request)
    assert (answer.status, answer.members["message"]) == (400, "no")
    assert [one.answer and one.answer.status for one in heard] == [503, None, 400]
    assert [bool(one.problem) for one in heard] == [False, True, False]
    assert {(one.method, one.body) for one in heard} == {("PATCH", b"{}")}
    assert heard[0].headers["Authorization"] == f"Bearer {ocamba.secret}"
    assert ocamba.secret not in repr(heard)


def test_no_cookie_is_kept(ocamba: Ocamba, monkeypatch: pytest.MonkeyPatch) -> None:
    connect(monkeypatch, ocamba)
    ocamba.faults = [Fault(503, headers={"Set-Cookie": "id=1; Path=/", "Retry-After": "0"})]
    assert OcambaHook().push(CHANGES[:3], concurrency=1).pushed == 3
    assert all("cookie" not in request.headers for request in ocamba.requests)


def test_a_push_opens_no_more_connections_than_it_has_requests_in_flight(
    ocamba: Ocamba, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect(monkeypatch, ocamba)
    hook = OcambaHook()
    hook.push(CHANGES, concurrency=3)
    hook.push(CHANGES, concurrency=3)
    assert len({request.connection for request in ocamba.requests}) <= 3


def test_the_connection_is_looked_up_once(ocamba: Ocamba, monkeypatch: pytest.MonkeyPatch) -> None:
    connect(monkeypatch, ocamba)
    hook = OcambaHook()
    hook.push(CHANGES[:2])
    monkeypatch.delenv("AIRFLOW_CONN_OCAMBA_DEFAULT")
    assert hook.push(CHANGES).pushed == 20


def test_a_proxy_of_the_connection_is_used(ocamba: Ocamba, monkeypatch: pytest.MonkeyPatch) -> None:
    connect(
        monkeypatch,
        ocamba,
        host="http://vendor.invalid",
        port=80,
        extra={"proxies": {"http": ocamba.url}, "quota": "none"},
    )
    ocamba.faults = [Fault(302, times=None, on="any")]
    with pytest.raises(WrongHost):
        OcambaHook().push(CHANGES[:1])
    assert ocamba.requests[0].headers["host"] == "vendor.invalid:80"


def test_a_host_that_nobody_answers_at_stops_the_push_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    with Ocamba() as gone:
        connect(monkeypatch, gone)
    monkeypatch.setattr(OcambaHook, "retry_rule", RetryRule(first_wait=0.01))
    with pytest.raises(WrongHost, match="host and port") as caught:
        OcambaHook().push(CHANGES, concurrency=1)
    assert caught.value.report is not None
    assert caught.value.report.unsent == 20  # no request left the machine


def test_one_error_names_everything_to_mend(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = {
        "conn_type": "agilenow",
        "extra": {"timeout": "soon", "quota": "fast", "concurrency": 0, "verify": "no"},
    }
    monkeypatch.setenv("AIRFLOW_CONN_AGILENOW_DEFAULT", json.dumps(wrong))
    with pytest.raises(ConfigurationError) as caught:
        AgileNowHook().push([])
    for words in ("Server URL", "Client ID", "Client secret", "timeout", "quota", "concurrency"):
        assert words in str(caught.value)


@pytest.mark.parametrize(
    ("connection", "host"),
    [
        ({}, "https://api.ocamba.com"),
        ({"host": "api.example.com"}, "https://api.example.com"),
        ({"host": "http://127.0.0.1", "port": 8765}, "http://127.0.0.1:8765"),
        ({"host": "http://127.0.0.1:8765/"}, "http://127.0.0.1:8765"),
        ({"host": "https://example.com/base/"}, "https://example.com/base"),
        ({"host": "example.com", "schema": "http"}, "http://example.com"),
        ({"host": "http://[::1]", "port": 80}, "http://[::1]:80"),
    ],
)
def test_the_address_is_made_of_host_port_and_default(connection: dict[str, Any], host: str) -> None:
    from airflow.sdk import Connection

    found = Settings.of(Connection(conn_id="x", conn_type="ocamba", password="t", **connection), OcambaRules)
    assert found.access.host == host


@pytest.mark.parametrize(
    "host", ["ftp://x", "https://user:pw@x", "https://", "http://x:port", "https://x?y=1"]
)
def test_what_is_no_address_is_refused(host: str) -> None:
    from airflow.sdk import Connection

    with pytest.raises(ConfigurationError, match="not an address"):
        Settings.of(Connection(conn_id="x", conn_type="ocamba", host=host, password="t"), OcambaRules)


def test_a_credential_with_a_line_break_is_refused_without_showing_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from airflow.sdk import Connection

    with pytest.raises(ConfigurationError, match="copy it again") as caught:
        Settings.of(Connection(conn_id="x", conn_type="ocamba", password="se\ncret"), OcambaRules)
    assert "cret" not in str(caught.value).replace("API token", "")
    assert "se\ncret" not in repr(caught.value)


def test_the_connections_quota_replaces_the_published_one(
    ocamba: Ocamba, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect(monkeypatch, ocamba, extra={"quota": "7/2s"})
    assert OcambaHook().settings.quota == (Rate(7, 2.0),)


def test_a_secret_shows_in_no_repr(ocamba: Ocamba, monkeypatch: pytest.MonkeyPatch) -> None:
    connect(monkeypatch, ocamba)
    hook = OcambaHook()
    assert ocamba.secret not in repr(hook.settings) + repr(hook.vendor()) + repr(vars(hook))


def test_what_is_not_modelled_can_be_asked_with_credential_and_retries(
    ocamba: Ocamba, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect(monkeypatch, ocamba)
    ocamba.faults = [Fault(503, on="any", headers={"Retry-After": "0"})]
    answer = OcambaHook().request("patch", "/v1/hood/profiles/3", {"comment": "by hand"})
    assert answer.status == 204
    assert ocamba.profiles["3"]["comment"] == "by hand"


def test_an_unknown_option_is_named(ocamba: Ocamba, monkeypatch: pytest.MonkeyPatch) -> None:
    connect(monkeypatch, ocamba)
    with pytest.raises(TypeError, match="write"):
        OcambaHook().push([], write="put")


def test_a_batch_larger_than_the_vendor_takes_is_refused(
    ocamba: Ocamba, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect(monkeypatch, ocamba)
    with pytest.raises(ConfigurationError, match="batch_size"):
        OcambaHook().push(CHANGES, batch_size=2)


def test_the_batch_size_of_the_connection_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    with Sonoran({f"a{n}": {"f": ""} for n in range(6)}) as stand_in:
        connect(monkeypatch, stand_in, "sonoran_default", extra={"batch_size": 3, "quota": "none"})
        SonoranHook().push([{"key": f"a{n}", "fields": {"f": f"v{n}"}} for n in range(6)])
        assert [len(request.json["data"]) for request in stand_in.writes] == [3, 3]


def test_the_token_may_come_from_another_server(monkeypatch: pytest.MonkeyPatch) -> None:
    with AgileNow() as accounts, AgileNow() as login:
        extra = {"token_url": f"{login.url}/oAuth/rest/v2/Token"}
        connect(monkeypatch, accounts, "agilenow_default", extra=extra)
        AgileNowHook().test_connection()
        assert {request.path for request in login.requests} == {"/oAuth/rest/v2/Token"}
        assert all("Token" not in request.path for request in accounts.requests)


def test_a_push_that_is_asked_to_end_settles_what_it_has_and_says_so(
    ocamba: Ocamba, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    connect(monkeypatch, ocamba)
    hook = OcambaHook()

    def changes() -> Iterator[dict[str, Any]]:
        for n in range(3000):
            if n == 2000:
                hook.stop()
            yield {"key": str(n % 20), "fields": {"comment": f"c{n}"}}

    with pytest.raises(PushStopped) as caught:
        hook.push(changes(), rejects_path=tmp_path / "rejects.jsonl")
    report = caught.value.report
    assert report is not None
    assert report.received == 3000 == report.pushed + report.superseded + report.unsent
    assert report.pushed > 0
    assert len((tmp_path / "rejects.jsonl").read_text().splitlines()) == report.unsent >= 1000


def test_a_push_that_is_asked_to_end_does_not_wait_for_its_retries(
    ocamba: Ocamba, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect(monkeypatch, ocamba)
    hook = OcambaHook()
    transport = hook._transport(hook.vendor(), "none")
    ocamba.faults = [Fault(503, headers={"Retry-After": "50"}, times=None, on="any")]
    transport._sleep = lambda seconds: transport.stop(PushStopped("now"))
    transport.quota.hold = lambda seconds: transport.stop(PushStopped("now"))  # type: ignore[method-assign]
    with pytest.raises(Unanswered, match="503"):
        transport.send(Request("GET", "/", lambda answer: answer))
    assert len(ocamba.requests) == 1


def test_a_refused_credential_costs_one_request_however_many_may_be_in_flight(
    ocamba: Ocamba, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect(monkeypatch, ocamba, password="another-token")
    with pytest.raises(CredentialRefused) as caught:
        OcambaHook().push(CHANGES, concurrency=8)
    assert len(ocamba.requests) == 1
    assert caught.value.report is not None
    assert caught.value.report.unsent == 19


def test_a_key_is_explained_by_the_function_that_users_import(
    ocamba: Ocamba, monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow_profile_provider.hooks.explain import explain

    connect(monkeypatch, ocamba)
    found = explain(OcambaHook(), "1", [{"key": "1", "fields": {"full_name": "A"}}])
    assert [row.verdict for row in found.rows] == ["planned"]
    with pytest.raises(TypeError, match="batch_size"):
        explain(OcambaHook(), "1", [], batch_size=2)
