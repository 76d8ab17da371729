"""The wrong scheme, path or host is named, quickly, and the credential goes nowhere else (21k, 22a)."""

from __future__ import annotations

import pytest
from acceptance.conftest import OpenRig
from acceptance.rig import Rig, counts
from neighbourhood.acts import ENDLESS, LYING, Say, body, raw
from neighbourhood.fixtures import OpenHostile
from neighbourhood.tls import Authority, server_context

from airflow_profile_provider.errors import ConfigurationError, WrongHost


@pytest.fixture
def rig(open_rig: OpenRig, plain_environment: pytest.MonkeyPatch) -> Rig:
    return open_rig("ocamba")


def test_http_for_https_is_named_at_once(rig: Rig, hostile: OpenHostile, authority: Authority) -> None:
    """Case 21k: ``http://`` before a server that speaks TLS."""
    vendor = hostile(rig.stand_in.url, server_context(authority.certificate("127.0.0.1")))
    rig.connect(host=vendor.url.replace("https", "http"))
    with pytest.raises(WrongHost, match="https://") as stopped:
        rig.push(rig.renames(*range(9)))
    assert stopped.value.report.requests == 1
    assert "https://" in rig.hook.test_connection()[1]


def test_http_for_https_is_named_whichever_request_met_it_first(
    rig: Rig, hostile: OpenHostile, authority: Authority
) -> None:
    """The question which properties there are does not stop a push; the first change after it does."""
    vendor = hostile(rig.stand_in.url, server_context(authority.certificate("127.0.0.1")))
    rig.connect(host=vendor.url.replace("https", "http"))
    with pytest.raises(WrongHost, match="https://") as stopped:
        rig.push(rig.changes(*range(9)))
    assert stopped.value.report.requests == 2


def test_a_servers_own_words_for_http_before_tls_are_understood(rig: Rig, hostile: OpenHostile) -> None:
    vendor = hostile(rig.stand_in.url)
    page = b"<html>400 The plain HTTP request was sent to HTTPS port</html>"
    vendor.act(body(page, 400, content_type="text/html"), on=lambda asked: True, times=None)
    rig.connect(host=vendor.url)
    with pytest.raises(WrongHost, match="https://"):
        rig.push(rig.renames(1))


SAYING_ITSELF = ("header dripped", "one byte for ever", "headers without end", "a gzip bomb", "silence")
LYING_ITSELF = ("half an answer", "another protocol", "a status that is none", "headers that are none")


@pytest.mark.parametrize("act", [*SAYING_ITSELF, *LYING_ITSELF])
def test_a_server_that_plainly_speaks_no_tls_is_asked_no_more_than_was_to_be_sent(
    rig: Rig, hostile: OpenHostile, act: str
) -> None:
    """Kind 17: one that counts its connections, or acts on each, sees none that is no request."""
    vendor = hostile(rig.stand_in.url)
    rig.connect(host=vendor.url, extra={"timeout": 0.15})
    rig.hurry(attempts=2)
    vendor.act({**ENDLESS, **LYING}[act], times=None)
    assert counts(rig.push(rig.renames(1))) == {"failed": 1}
    assert vendor.connections == len(vendor.requests) == 2


@pytest.mark.parametrize(
    "say", [LYING["a reset"], LYING["nothing"], raw(lambda honest: b"\x15\x03\x03\x00\x02\x02\x46")]
)
def test_a_server_that_hung_up_may_want_tls(rig: Rig, hostile: OpenHostile, say: Say) -> None:
    vendor = hostile(rig.stand_in.url)
    rig.connect(host=vendor.url)
    rig.hurry(attempts=2)
    vendor.act(say, times=None)
    assert counts(rig.push(rig.renames(1))) == {"failed": 1}
    assert vendor.connections == len(vendor.requests) + 1 == 3


def test_a_redirect_to_https_says_so(rig: Rig, hostile: OpenHostile) -> None:
    vendor = hostile(rig.stand_in.url)
    vendor.act(body(b"", 301, location="https://example.com/"), on=lambda asked: True, times=None)
    rig.connect(host=vendor.url)
    with pytest.raises(WrongHost, match="https://"):
        rig.push(rig.renames(1))


def test_https_for_http_is_named(rig: Rig) -> None:
    rig.connect(host=rig.stand_in.url.replace("http", "https"))
    with pytest.raises(WrongHost, match="http://"):
        rig.push(rig.renames(1))


def test_a_wrong_path_is_named_by_the_test_button(rig: Rig) -> None:
    """Case 21k: not "no such profile"."""
    rig.connect(host=rig.stand_in.url + "/wrong/path")
    good, words = rig.hook.test_connection()
    assert not good
    assert "path" in words
    assert "no such profile" not in words


@pytest.mark.parametrize(
    "path",
    [
        "http://other.example/x",
        "//other.example/x",
        "/\\other.example/x",
        "\\\\other.example",
        "@other.example/x",
        ".other.example/x",
        ":80@other.example/x",
        "/x\r\nHost: other.example",
        "/x y",
        "x",
        "",
        None,
        b"/x",
    ],
)
def test_a_request_goes_to_the_connections_host_alone(rig: Rig, path: object) -> None:
    """Case 22a: a whole URL of another host, and all that could become one, is refused."""
    with pytest.raises(ConfigurationError, match="slash"):
        rig.hook.request("GET", path)
    assert rig.stand_in.requests == []


def test_an_address_in_a_query_is_no_other_host(rig: Rig) -> None:
    rig.hook.request("GET", "/v1/x?next=http://other.example/@y")
    assert [request.path for request in rig.stand_in.requests] == ["/v1/x"]


@pytest.mark.parametrize(("method", "content"), [("GET\r\n", None), ("", None), ("POST", object())])
def test_a_request_that_is_none_is_refused(rig: Rig, method: str, content: object) -> None:
    with pytest.raises(ConfigurationError):
        rig.hook.request(method, "/v1/x", content)
