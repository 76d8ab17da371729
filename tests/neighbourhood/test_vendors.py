"""The neighbours are what they say: honest until an act is due, with TLS, through proxies, and back again."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import requests
from standins import Ocamba

from neighbourhood.acts import LYING, UNREADABLE
from neighbourhood.fixtures import OpenHostile, OpenProxy
from neighbourhood.tls import Authority, server_context

PATH = "/v1/hood/profiles/1"
HEADERS = {"Authorization": f"Bearer {Ocamba.secret}"}


@pytest.fixture
def ocamba() -> Iterator[Ocamba]:
    with Ocamba({"1": {"comment": ""}}) as stand_in:
        yield stand_in


def patch(url: str, **how: object) -> requests.Response:
    with requests.Session() as session:
        session.trust_env = False
        return session.patch(url + PATH, json={"comment": "x"}, headers=HEADERS, timeout=5, **how)  # type: ignore[arg-type]


def test_it_is_honest_until_an_act_is_due(ocamba: Ocamba, hostile: OpenHostile) -> None:
    vendor = hostile(ocamba.url)
    vendor.act(UNREADABLE["not a number"])
    assert patch(vendor.url).text.startswith('{"id": NaN')
    assert patch(vendor.url).status_code == 204
    assert len(vendor.requests) == len(ocamba.requests) == 2


def test_a_broken_connection_is_broken(ocamba: Ocamba, hostile: OpenHostile) -> None:
    vendor = hostile(ocamba.url)
    vendor.act(LYING["a reset"], carries_out=False)
    with pytest.raises(requests.ConnectionError):
        patch(vendor.url)
    assert not ocamba.requests


def test_who_knows_its_authority_trusts_it(
    ocamba: Ocamba, hostile: OpenHostile, authority: Authority
) -> None:
    vendor = hostile(ocamba.url, server_context(authority.certificate("127.0.0.1")))
    with pytest.raises(requests.exceptions.SSLError):
        patch(vendor.url)
    assert patch(vendor.url, verify=str(authority.ca)).status_code == 204


def test_proxies_forward_and_tunnel(
    ocamba: Ocamba, hostile: OpenHostile, authority: Authority, proxy: OpenProxy
) -> None:
    vendor = hostile(ocamba.url, server_context(authority.certificate("vendor.invalid")))
    between = proxy({"vendor.invalid": vendor.port, "plain.invalid": ocamba.port})
    proxies = {"http": between.url, "https": between.url}
    ca = str(authority.ca)
    assert patch("https://vendor.invalid", proxies=proxies, verify=ca).status_code == 204
    assert patch("http://plain.invalid", proxies=proxies).status_code == 204
    assert between.hosts == ["vendor.invalid", "plain.invalid"]


def test_it_comes_back_on_its_port(ocamba: Ocamba, hostile: OpenHostile) -> None:
    vendor = hostile(ocamba.url)
    vendor.go_away()
    with pytest.raises(requests.ConnectionError):
        patch(vendor.url)
    vendor.come_back()
    assert patch(vendor.url).status_code == 204
