"""What the connection says of proxies and certificates wins over the worker's environment (kind 14)."""

from __future__ import annotations

from pathlib import Path

import certifi
import pytest
from acceptance.conftest import OpenRig
from acceptance.rig import Rig, counts
from neighbourhood.acts import silent
from neighbourhood.fixtures import OpenHostile, OpenProxy
from neighbourhood.hostile import Hostile
from neighbourhood.tls import Authority, server_context
from requests import exceptions

from airflow_profile_provider.errors import ConfigurationError, PushStopped, WrongHost

Environment = pytest.MonkeyPatch


@pytest.fixture
def rig(open_rig: OpenRig, plain_environment: Environment) -> Rig:
    rig = open_rig("ocamba")
    rig.stand_in.probes = True
    rig.hurry(attempts=2)
    rig.hold(1, 2)
    return rig


@pytest.fixture
def secure(rig: Rig, hostile: OpenHostile, authority: Authority) -> Hostile:
    """The rig's vendor behind TLS of an authority of its own."""
    return hostile(rig.stand_in.url, server_context(authority.certificate("127.0.0.1")))


def pushed(rig: Rig) -> bool:
    return counts(rig.push(rig.changes(1, 2))) == {"pushed": 2} and rig.hook.test_connection()[0]


@pytest.mark.parametrize("name", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_the_connections_ca_wins_over_the_environments(
    rig: Rig, secure: Hostile, authority: Authority, plain_environment: Environment, name: str
) -> None:
    """Case 14a: the environment names certifi's file, ``verify`` an own CA, then false."""
    plain_environment.setenv(name, certifi.where())
    for verify in (str(authority.ca), False, "false"):
        rig.connect(host=secure.url, extra={"verify": verify})
        assert pushed(rig)


def test_where_the_connection_is_silent_the_environments_ca_counts(
    rig: Rig, secure: Hostile, authority: Authority, plain_environment: Environment
) -> None:
    rig.connect(host=secure.url)
    with pytest.raises(WrongHost, match="verify"):
        rig.push(rig.changes(1))
    plain_environment.setenv("REQUESTS_CA_BUNDLE", str(authority.ca))
    assert pushed(rig)
    plain_environment.setenv("REQUESTS_CA_BUNDLE", certifi.where())
    with pytest.raises(WrongHost, match="REQUESTS_CA_BUNDLE"):
        rig.push(rig.changes(1))
    plain_environment.setenv("REQUESTS_CA_BUNDLE", "/no/such.pem")
    with pytest.raises(ConfigurationError, match=r"REQUESTS_CA_BUNDLE.*/no/such\.pem"):
        rig.push(rig.changes(1))


def test_a_client_certificate_is_shown(rig: Rig, hostile: OpenHostile, authority: Authority) -> None:
    context = server_context(authority.certificate("127.0.0.1"), client_ca=authority.ca)
    vendor = hostile(rig.stand_in.url, context)
    mine = authority.certificate("a worker")
    rig.connect(host=vendor.url, extra={"verify": str(authority.ca), "cert": [str(mine.cert), str(mine.key)]})
    assert pushed(rig)
    rig.connect(host=vendor.url, extra={"verify": str(authority.ca)})
    good, words = rig.hook.test_connection()
    assert not good
    assert "cert" in words


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_the_connections_proxy_wins_over_the_environments(
    rig: Rig,
    secure: Hostile,
    hostile: OpenHostile,
    authority: Authority,
    proxy: OpenProxy,
    plain_environment: Environment,
    scheme: str,
) -> None:
    """By scheme or for all, also where NO_PROXY names the host; "none of it" goes straight there."""
    vendor = secure if scheme == "https" else rig.stand_in
    mine, other = proxy(), proxy()
    for name in ("HTTP_PROXY", "HTTPS_PROXY"):
        plain_environment.setenv(name, other.url)
    extra = {"verify": str(authority.ca)}
    for proxies in ({scheme: mine.url}, {"all": mine.url}, mine.url, f'{{"{scheme}": "{mine.url}"}}'):
        mine.requests.clear()
        rig.connect(host=vendor.url, extra={**extra, "proxies": proxies})
        assert pushed(rig)
        assert (len(mine.requests) > 0, other.requests) == (True, [])
    plain_environment.setenv("NO_PROXY", "127.0.0.1")
    mine.requests.clear()
    rig.connect(host=vendor.url, extra={**extra, "proxies": {scheme: mine.url}})
    assert pushed(rig)
    assert len(mine.requests) > 0
    plain_environment.delenv("NO_PROXY")
    mine.requests.clear()
    for proxies in ({}, "none", {scheme: ""}, {scheme: None}, {scheme: mine.url, "no_proxy": "127.0.0.1"}):
        rig.connect(host=vendor.url, extra={**extra, "proxies": proxies})
        assert pushed(rig)
        assert (mine.requests, other.requests) == ([], [])


def test_where_the_connection_is_silent_the_environments_proxy_counts(
    rig: Rig, proxy: OpenProxy, plain_environment: Environment
) -> None:
    between = proxy()
    plain_environment.setenv("http_proxy", between.url)
    rig.connect(extra={"proxies": {"https": "http://127.0.0.1:9"}})
    assert pushed(rig)
    assert set(between.hosts) == {"127.0.0.1"}
    between.requests.clear()
    plain_environment.setenv("NO_PROXY", "127.0.0.1")
    assert pushed(rig)
    assert between.hosts == []


def test_what_airflows_own_hook_sends_goes_the_same_way(
    rig: Rig, secure: Hostile, authority: Authority, plain_environment: Environment
) -> None:
    """`HttpHook.run` hands the session's own settings in: they are not narrower than the environment."""
    rig.connect(host=secure.url)
    plain_environment.setenv("REQUESTS_CA_BUNDLE", str(authority.ca))
    hook = rig.hook
    hook.method = "GET"
    assert hook.run("/v1/x", extra_options={"check_response": False}).status_code == 401
    plain_environment.setenv("REQUESTS_CA_BUNDLE", certifi.where())
    assert hook.session.get(f"{secure.url}/v1/x", verify=False).status_code == 401


def test_what_airflows_own_hook_sends_has_a_time_out(rig: Rig, hostile: OpenHostile) -> None:
    """Kind 17: the connection's, unless ``run`` is told another."""
    vendor = hostile(rig.stand_in.url)
    vendor.act(silent, on=lambda asked: True, times=None)
    rig.connect(host=vendor.url, extra={"timeout": 0.2})
    hook = rig.hook
    hook.method = "GET"
    with pytest.raises(exceptions.ReadTimeout):
        hook.run("/v1/x")
    rig.connect(host=vendor.url)
    with pytest.raises(exceptions.ReadTimeout):
        hook.run("/v1/x", extra_options={"timeout": 0.2})


def test_a_hook_that_has_sent_much_still_finds_its_proxy(rig: Rig, proxy: OpenProxy) -> None:
    """Each push and each request of its own makes a transport over the one session."""
    between = proxy()
    rig.connect(extra={"proxies": {"http": between.url}})
    hook = rig.hook
    for _ in range(600):
        hook._transport(hook.vendor(), "none")
    assert hook.request("GET", "/v1/x").status == 404
    assert len(between.requests) == 1


def test_no_proxy_is_judged_for_each_host(
    open_rig: OpenRig, proxy: OpenProxy, plain_environment: Environment
) -> None:
    """The vendor's host is reached straight, its token endpoint elsewhere through the proxy, and reverse."""
    rig = open_rig("agilenow")
    rig.hold(1)
    rig.hurry()
    between = proxy({"login.invalid": rig.stand_in.port, "vendor.invalid": rig.stand_in.port})
    plain_environment.setenv("HTTP_PROXY", between.url)
    plain_environment.setenv("NO_PROXY", "127.0.0.1")
    rig.connect(extra={"token_url": "http://login.invalid/oAuth/rest/v2/Token"})
    assert counts(rig.push(rig.changes(1))) == {"pushed": 1}
    assert between.hosts == ["login.invalid"]
    between.requests.clear()
    rig.connect(host="http://vendor.invalid", extra={"token_url": f"{rig.stand_in.url}/oAuth/rest/v2/Token"})
    assert counts(rig.push(rig.changes(1))) == {"unchanged": 1}  # it was read
    assert set(between.hosts) == {"vendor.invalid"}


def test_netrc_never_counts(rig: Rig, plain_environment: Environment, tmp_path: Path) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login somebody password else\n")
    plain_environment.setenv("NETRC", str(tmp_path / "netrc"))
    rig.connect()
    assert pushed(rig)


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_what_is_wrong_with_a_proxy_is_told_of_the_proxy(
    rig: Rig, secure: Hostile, authority: Authority, proxy: OpenProxy, scheme: str
) -> None:
    vendor = secure if scheme == "https" else rig.stand_in
    locked, closed = proxy(login="worker:pass"), proxy(refuses=403)
    extra = {"verify": str(authority.ca)}
    for proxies, words in (
        ("http://127.0.0.1:9", "extra proxies"),
        (locked.url, "407"),
        (closed.url, "403"),
    ):
        rig.connect(host=vendor.url, extra={**extra, "proxies": {scheme: proxies}})
        if scheme == "http" and words == "403":
            continue  # no one can tell it from the vendor's own
        with pytest.raises(PushStopped, match=words) as stopped:
            rig.push(rig.changes(1, 2))
        assert "prox" in str(stopped.value)
        assert rig.hook.test_connection() == (False, str(stopped.value))
    known = locked.url.replace("http://", "http://worker:pass@")
    rig.connect(host=vendor.url, extra={**extra, "proxies": {scheme: known}})
    assert pushed(rig)


def test_the_environments_proxy_is_named(rig: Rig, plain_environment: Environment) -> None:
    plain_environment.setenv("HTTP_PROXY", "socks5://127.0.0.1:9")
    with pytest.raises(ConfigurationError, match=r"HTTP_PROXY.*PySocks"):
        rig.push(rig.changes(1))
    plain_environment.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    with pytest.raises(WrongHost, match="HTTP_PROXY"):
        rig.push(rig.changes(1))
