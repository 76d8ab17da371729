"""What the connection says of proxies and certificates wins over the worker's environment (kind 14)."""

from __future__ import annotations

from pathlib import Path

import certifi
import pytest
from acceptance.bench import Bench, counts
from acceptance.conftest import OpenBench
from neighbourhood.fixtures import OpenHostile, OpenProxy
from neighbourhood.hostile import Hostile
from neighbourhood.tls import Authority, server_context

from airflow_profile_provider.errors import ConfigurationError, PushStopped, WrongHost

Environment = pytest.MonkeyPatch


@pytest.fixture
def bench(open_bench: OpenBench, plain_environment: Environment) -> Bench:
    bench = open_bench("ocamba")
    bench.stand_in.probes = True
    bench.hurry(attempts=2)
    bench.hold(1, 2)
    return bench


@pytest.fixture
def secure(bench: Bench, hostile: OpenHostile, authority: Authority) -> Hostile:
    """The bench's vendor behind TLS of an authority of its own."""
    return hostile(bench.stand_in.url, server_context(authority.certificate("127.0.0.1")))


def pushed(bench: Bench) -> bool:
    return counts(bench.push(bench.changes(1, 2))) == {"pushed": 2} and bench.hook.test_connection()[0]


@pytest.mark.parametrize("name", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_the_connections_ca_wins_over_the_environments(
    bench: Bench, secure: Hostile, authority: Authority, plain_environment: Environment, name: str
) -> None:
    """Case 14a: the environment names certifi's file, ``verify`` an own CA, then false."""
    plain_environment.setenv(name, certifi.where())
    for verify in (str(authority.ca), False, "false"):
        bench.connect(host=secure.url, extra={"verify": verify})
        assert pushed(bench)


def test_where_the_connection_is_silent_the_environments_ca_counts(
    bench: Bench, secure: Hostile, authority: Authority, plain_environment: Environment
) -> None:
    bench.connect(host=secure.url)
    with pytest.raises(WrongHost, match="verify"):
        bench.push(bench.changes(1))
    plain_environment.setenv("REQUESTS_CA_BUNDLE", str(authority.ca))
    assert pushed(bench)
    plain_environment.setenv("REQUESTS_CA_BUNDLE", certifi.where())
    with pytest.raises(WrongHost, match="REQUESTS_CA_BUNDLE"):
        bench.push(bench.changes(1))
    plain_environment.setenv("REQUESTS_CA_BUNDLE", "/no/such.pem")
    with pytest.raises(ConfigurationError, match=r"REQUESTS_CA_BUNDLE.*/no/such\.pem"):
        bench.push(bench.changes(1))


def test_a_client_certificate_is_shown(bench: Bench, hostile: OpenHostile, authority: Authority) -> None:
    context = server_context(authority.certificate("127.0.0.1"), client_ca=authority.ca)
    vendor = hostile(bench.stand_in.url, context)
    mine = authority.certificate("a worker")
    bench.connect(
        host=vendor.url, extra={"verify": str(authority.ca), "cert": [str(mine.cert), str(mine.key)]}
    )
    assert pushed(bench)
    bench.connect(host=vendor.url, extra={"verify": str(authority.ca)})
    good, words = bench.hook.test_connection()
    assert not good
    assert "cert" in words


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_the_connections_proxy_wins_over_the_environments(
    bench: Bench,
    secure: Hostile,
    hostile: OpenHostile,
    authority: Authority,
    proxy: OpenProxy,
    plain_environment: Environment,
    scheme: str,
) -> None:
    """By scheme or for all, also where NO_PROXY names the host; "none of it" goes straight there."""
    vendor = secure if scheme == "https" else bench.stand_in
    mine, other = proxy(), proxy()
    for name in ("HTTP_PROXY", "HTTPS_PROXY"):
        plain_environment.setenv(name, other.url)
    extra = {"verify": str(authority.ca)}
    for proxies in ({scheme: mine.url}, {"all": mine.url}, mine.url, f'{{"{scheme}": "{mine.url}"}}'):
        mine.requests.clear()
        bench.connect(host=vendor.url, extra={**extra, "proxies": proxies})
        assert pushed(bench)
        assert (len(mine.requests) > 0, other.requests) == (True, [])
    plain_environment.setenv("NO_PROXY", "127.0.0.1")
    mine.requests.clear()
    bench.connect(host=vendor.url, extra={**extra, "proxies": {scheme: mine.url}})
    assert pushed(bench)
    assert len(mine.requests) > 0
    plain_environment.delenv("NO_PROXY")
    mine.requests.clear()
    for proxies in ({}, "none", {scheme: ""}, {scheme: None}, {scheme: mine.url, "no_proxy": "127.0.0.1"}):
        bench.connect(host=vendor.url, extra={**extra, "proxies": proxies})
        assert pushed(bench)
        assert (mine.requests, other.requests) == ([], [])


def test_where_the_connection_is_silent_the_environments_proxy_counts(
    bench: Bench, proxy: OpenProxy, plain_environment: Environment
) -> None:
    between = proxy()
    plain_environment.setenv("http_proxy", between.url)
    bench.connect(extra={"proxies": {"https": "http://127.0.0.1:9"}})
    assert pushed(bench)
    assert set(between.hosts) == {"127.0.0.1"}
    between.requests.clear()
    plain_environment.setenv("NO_PROXY", "127.0.0.1")
    assert pushed(bench)
    assert between.hosts == []


def test_no_proxy_is_judged_for_each_host(
    open_bench: OpenBench, proxy: OpenProxy, plain_environment: Environment
) -> None:
    """The vendor's host is reached straight, its token endpoint elsewhere through the proxy, and reverse."""
    bench = open_bench("agilenow")
    bench.hold(1)
    bench.hurry()
    between = proxy({"login.invalid": bench.stand_in.port, "vendor.invalid": bench.stand_in.port})
    plain_environment.setenv("HTTP_PROXY", between.url)
    plain_environment.setenv("NO_PROXY", "127.0.0.1")
    bench.connect(extra={"token_url": "http://login.invalid/oAuth/rest/v2/Token"})
    assert counts(bench.push(bench.changes(1))) == {"pushed": 1}
    assert between.hosts == ["login.invalid"]
    between.requests.clear()
    bench.connect(
        host="http://vendor.invalid", extra={"token_url": f"{bench.stand_in.url}/oAuth/rest/v2/Token"}
    )
    assert counts(bench.push(bench.changes(1))) == {"pushed": 1}
    assert set(between.hosts) == {"vendor.invalid"}


def test_netrc_never_counts(bench: Bench, plain_environment: Environment, tmp_path: Path) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login somebody password else\n")
    plain_environment.setenv("NETRC", str(tmp_path / "netrc"))
    bench.connect()
    assert pushed(bench)


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_what_is_wrong_with_a_proxy_is_told_of_the_proxy(
    bench: Bench, secure: Hostile, authority: Authority, proxy: OpenProxy, scheme: str
) -> None:
    vendor = secure if scheme == "https" else bench.stand_in
    locked, closed = proxy(login="worker:pass"), proxy(refuses=403)
    extra = {"verify": str(authority.ca)}
    for proxies, words in (
        ("http://127.0.0.1:9", "extra proxies"),
        (locked.url, "407"),
        (closed.url, "403"),
    ):
        bench.connect(host=vendor.url, extra={**extra, "proxies": {scheme: proxies}})
        if scheme == "http" and words == "403":
            continue  # no one can tell it from the vendor's own
        with pytest.raises(PushStopped, match=words) as stopped:
            bench.push(bench.changes(1, 2))
        assert "prox" in str(stopped.value)
        assert bench.hook.test_connection() == (False, str(stopped.value))
    known = locked.url.replace("http://", "http://worker:pass@")
    bench.connect(host=vendor.url, extra={**extra, "proxies": {scheme: known}})
    assert pushed(bench)


def test_the_environments_proxy_is_named(bench: Bench, plain_environment: Environment) -> None:
    plain_environment.setenv("HTTP_PROXY", "socks5://127.0.0.1:9")
    with pytest.raises(ConfigurationError, match=r"HTTP_PROXY.*PySocks"):
        bench.push(bench.changes(1))
    plain_environment.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    with pytest.raises(WrongHost, match="HTTP_PROXY"):
        bench.push(bench.changes(1))
