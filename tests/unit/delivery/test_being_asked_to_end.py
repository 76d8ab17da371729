"""Asked to end, whatever it waits for, a push sends nothing more and leaves within seconds (kind 17)."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from acceptance.conftest import OpenRig
from acceptance.rig import Rig, counts
from neighbourhood.acts import body, silent
from neighbourhood.fixtures import OpenHostile, OpenProxy
from neighbourhood.loopback import free_port

from airflow_profile_provider.delivery.bounds import SETTLE_SECONDS
from airflow_profile_provider.errors import PushStopped

pytestmark = pytest.mark.long

SOON = SETTLE_SECONDS + 2.5


@pytest.fixture
def rig(open_rig: OpenRig, plain_environment: pytest.MonkeyPatch) -> Rig:
    rig = open_rig("ocamba")
    rig.hold(*range(9))
    return rig


@pytest.fixture
def deaf() -> Iterator[int]:
    """A port where connections are made and nothing is ever said."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]


@pytest.fixture
def full() -> Iterator[int]:
    """A port where no connection can be made, for its queue is full."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        port = listening.getsockname()[1]
        waiting = [socket.socket() for _ in range(4)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(("127.0.0.1", port))
        yield port
        for one in waiting:
            one.close()


def ended(rig: Rig, after: float = 0.3, **options: Any) -> Any:
    """Push, ask it to end, and return its report once it has ended, soon."""
    hook = rig.hook
    threading.Timer(after, hook.stop).start()
    began = time.monotonic()
    with pytest.raises(PushStopped, match="asked to end") as stopped:
        hook.push(rig.renames(*range(9)), **{"quota": "none", **options})
    assert time.monotonic() - began < after + SOON
    assert stopped.value.report is not None
    report = stopped.value.report
    assert sum(counts(report).values()) == report.received == 9
    return report


@pytest.mark.parametrize("concurrency", [1, 4])
def test_while_it_waits_for_its_quota(rig: Rig, concurrency: int) -> None:
    report = ended(rig, quota="2/60s", concurrency=concurrency)
    assert counts(report) == {"pushed": 2, "unsent": 7}


@pytest.mark.parametrize("concurrency", [1, 4])
def test_while_it_waits_to_try_again(rig: Rig, hostile: OpenHostile, concurrency: int) -> None:
    vendor = hostile(rig.stand_in.url)
    rig.connect(host=vendor.url)
    rig.hurry(first_wait=20, longest_wait=30)
    vendor.act(body(b"busy", 503), times=None)
    report = ended(rig, concurrency=concurrency)
    assert counts(report)["failed"] == len(vendor.requests)


def test_while_the_vendor_wants_it_to_wait(rig: Rig, hostile: OpenHostile) -> None:
    vendor = hostile(rig.stand_in.url)
    rig.connect(host=vendor.url)
    vendor.act(body(b"slow down", 429, retry_after="50"))
    report = ended(rig)
    assert report.requests == len(vendor.requests) == 1


@pytest.mark.parametrize("concurrency", [1, 4])
def test_while_it_waits_for_a_token(
    open_rig: OpenRig, hostile: OpenHostile, plain_environment: pytest.MonkeyPatch, concurrency: int
) -> None:
    rig = open_rig("agilenow")
    rig.hold(*range(9))
    vendor = hostile(rig.stand_in.url)
    rig.connect(host=vendor.url)
    vendor.act(silent, on=lambda asked: "Token" in asked.path, times=None)
    assert counts(ended(rig, concurrency=concurrency)) == {"unsent": 9}
    assert len(vendor.requests) == 1


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_while_it_greets_a_server(rig: Rig, deaf: int, scheme: str) -> None:
    """In a TLS handshake that is not answered, and before an answer."""
    rig.connect(host=f"{scheme}://127.0.0.1:{deaf}")
    report = ended(rig)
    assert report.pushed == 0


def test_while_it_connects(rig: Rig, full: int) -> None:
    rig.connect(host=f"http://127.0.0.1:{full}")
    assert counts(ended(rig)) == {"unsent": 9}


def test_while_a_proxy_lets_it_wait(rig: Rig, proxy: OpenProxy) -> None:
    between = proxy(silent=True)
    rig.connect(host="https://vendor.invalid", extra={"proxies": {"https": between.url}})
    assert ended(rig).pushed == 0


@pytest.mark.parametrize("source", ["ledger", "query"])
def test_while_it_waits_for_a_database_that_is_away(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, source: str
) -> None:
    """Before the push has begun: a quarter of a minute is no time for whoever wants to end."""
    store = {"conn_type": "postgres", "host": "127.0.0.1", "port": free_port()}
    monkeypatch.setenv("AIRFLOW_CONN_AWAY", json.dumps(store))
    query = {"sql": "select 1 as id, 2 as comment", "sql_conn_id": "away", "key": "id", "fields": ["comment"]}
    hook = rig.hook
    threading.Timer(0.3, hook.stop).start()
    began = time.monotonic()
    with pytest.raises(PushStopped, match="asked to end") as stopped:
        if source == "ledger":
            hook.push(rig.renames(*range(9)), ledger_conn_id="away")
        else:
            hook.push(**query)
    assert time.monotonic() - began < SOON
    assert stopped.value.report is not None
    assert rig.stand_in.requests == []
