"""Asked to end, whatever it waits for, a push sends nothing more and leaves within seconds (kind 17)."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from acceptance.bench import Bench, counts
from acceptance.conftest import OpenBench
from neighbourhood.acts import body, silent
from neighbourhood.fixtures import OpenHostile, OpenProxy

from airflow_profile_provider.bounds import SETTLE_SECONDS
from airflow_profile_provider.errors import PushStopped

SOON = SETTLE_SECONDS + 2.5


@pytest.fixture
def bench(open_bench: OpenBench, plain_environment: pytest.MonkeyPatch) -> Bench:
    bench = open_bench("ocamba")
    bench.hold(*range(9))
    return bench


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


def ended(bench: Bench, after: float = 0.3, **options: Any) -> Any:
    """Push, ask it to end, and return its report once it has ended, soon."""
    hook = bench.hook
    threading.Timer(after, hook.stop).start()
    began = time.monotonic()
    with pytest.raises(PushStopped, match="asked to end") as stopped:
        hook.push(bench.changes(*range(9)), **{"quota": "none", **options})
    assert time.monotonic() - began < after + SOON
    assert stopped.value.report is not None
    report = stopped.value.report
    assert sum(counts(report).values()) == report.received == 9
    return report


@pytest.mark.parametrize("concurrency", [1, 4])
def test_while_it_waits_for_its_quota(bench: Bench, concurrency: int) -> None:
    report = ended(bench, quota="2/60s", concurrency=concurrency)
    assert counts(report) == {"pushed": 2, "unsent": 7}


@pytest.mark.parametrize("concurrency", [1, 4])
def test_while_it_waits_to_try_again(bench: Bench, hostile: OpenHostile, concurrency: int) -> None:
    vendor = hostile(bench.stand_in.url)
    bench.connect(host=vendor.url)
    bench.hurry(first_wait=20, longest_wait=30)
    vendor.act(body(b"busy", 503), times=None)
    report = ended(bench, concurrency=concurrency)
    assert counts(report)["failed"] == len(vendor.requests)


def test_while_the_vendor_wants_it_to_wait(bench: Bench, hostile: OpenHostile) -> None:
    vendor = hostile(bench.stand_in.url)
    bench.connect(host=vendor.url)
    vendor.act(body(b"slow down", 429, retry_after="50"))
    report = ended(bench)
    assert report.requests == len(vendor.requests) == 1


@pytest.mark.parametrize("concurrency", [1, 4])
def test_while_it_waits_for_a_token(
    open_bench: OpenBench, hostile: OpenHostile, plain_environment: pytest.MonkeyPatch, concurrency: int
) -> None:
    bench = open_bench("agilenow")
    bench.hold(*range(9))
    vendor = hostile(bench.stand_in.url)
    bench.connect(host=vendor.url)
    vendor.act(silent, on=lambda asked: "Token" in asked.path, times=None)
    assert counts(ended(bench, concurrency=concurrency)) == {"unsent": 9}
    assert len(vendor.requests) == 1


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_while_it_greets_a_server(bench: Bench, deaf: int, scheme: str) -> None:
    """In a TLS handshake that is not answered, and before an answer."""
    bench.connect(host=f"{scheme}://127.0.0.1:{deaf}")
    report = ended(bench)
    assert report.pushed == 0


def test_while_it_connects(bench: Bench, full: int) -> None:
    bench.connect(host=f"http://127.0.0.1:{full}")
    assert counts(ended(bench)) == {"unsent": 9}


def test_while_a_proxy_lets_it_wait(bench: Bench, proxy: OpenProxy) -> None:
    between = proxy(silent=True)
    bench.connect(host="https://vendor.invalid", extra={"proxies": {"https": between.url}})
    assert ended(bench).pushed == 0
