"""Any answer, of any shape, speed or size, ends in a verdict in bounded time and memory (kind 17)."""

from __future__ import annotations

import threading
import time
import tracemalloc
from collections.abc import Iterator

import pytest
from acceptance.conftest import OpenRig
from acceptance.rig import Rig, counts
from neighbourhood.acts import ENDLESS, LYING, UNREADABLE, Say, body, drip, raw, writes
from neighbourhood.fixtures import OpenHostile
from neighbourhood.hostile import Hostile

from airflow_profile_provider.delivery.bounds import LARGEST_ANSWER, SETTLE_SECONDS
from airflow_profile_provider.delivery.connections import _BoundedResponse
from airflow_profile_provider.errors import PushStopped

VENDORS = ("agilenow", "communifire", "lightfield", "ocamba", "sonoran")
SOME = ("ocamba", "lightfield")
TIMEOUT = 0.15
ATTEMPTS = 2
MOST = ATTEMPTS * (4 * TIMEOUT + 0.2) + 3
"""Seconds that a record may take: every attempt at its bound, and the machine's own."""


def stand(rig: Rig, hostile: OpenHostile, **extra: object) -> Hostile:
    """Put a hostile vendor before the rig's stand-in."""
    vendor = hostile(rig.stand_in.url)
    rig.connect(host=vendor.url, extra={"timeout": TIMEOUT, **extra})
    rig.hurry(attempts=ATTEMPTS)
    rig.hold(1, 2)
    return vendor


@pytest.fixture(params=SOME)
def rig(request: pytest.FixtureRequest, open_rig: OpenRig) -> Rig:
    """A vendor that acknowledges with a status, and one with a body."""
    return open_rig(request.param)


def assert_failed(rig: Rig, say: Say, hostile: OpenHostile, **extra: object) -> None:
    """One record meets the act, the other a vendor that is honest: the first is failed, in bounded time."""
    vendor = stand(rig, hostile, **extra)
    vendor.act(say, times=ATTEMPTS)
    began = time.monotonic()
    report = rig.push(rig.renames(1, 2), concurrency=1)
    assert counts(report) == {"failed": 1, "pushed": 1}
    assert time.monotonic() - began < MOST


WITH_A_BODY = {
    "body dripped",
    "body dripped to the end of the connection",
    "body without end",
    "half an answer",
    "two lengths",
    "a length too long",
    "a length of a terabyte",
    "a chunk that is cut",
    "a chunk of a terabyte",
    "a chunk length that is none",
    "chunks dripped",
    "chunks without end",
    "trailers without end",
}
"""Those that a 204 cannot meet with: it has no body, whatever its header says."""


def acts(*kinds: dict[str, Say]) -> list[tuple[str, str]]:
    """The acts of these kinds, for each vendor that they are something to."""
    found = [(vendor, act) for vendor in VENDORS for kind in kinds for act in sorted(kind)]
    return [(vendor, act) for vendor, act in found if vendor != "ocamba" or act not in WITH_A_BODY]


@pytest.mark.parametrize(("vendor", "act"), [pair for pair in acts(ENDLESS) if pair[0] in SOME])
def test_an_answer_without_end_is_given_up(
    open_rig: OpenRig, hostile: OpenHostile, vendor: str, act: str
) -> None:
    """Case 17a: an answer of one byte now and then, and all others that do not end."""
    assert_failed(open_rig(vendor), ENDLESS[act], hostile)


@pytest.mark.parametrize(("vendor", "act"), acts(LYING))
def test_an_answer_that_lies_about_itself_is_none(
    open_rig: OpenRig, hostile: OpenHostile, vendor: str, act: str
) -> None:
    assert_failed(open_rig(vendor), LYING[act], hostile, timeout=10)


@pytest.mark.parametrize(("vendor", "act"), acts(UNREADABLE))
def test_a_body_that_no_vendor_sends_acknowledges_nothing(
    open_rig: OpenRig, hostile: OpenHostile, vendor: str, act: str
) -> None:
    """Case 17b: 100,000 opening brackets with 200, and other bodies that break careless readers."""
    assert_failed(open_rig(vendor), UNREADABLE[act], hostile, timeout=10)


@pytest.mark.parametrize("act", ["a gzip bomb", "a deflate bomb", "a gzip bomb in gzip", "a body of 40 MB"])
def test_a_bomb_takes_no_memory(rig: Rig, hostile: OpenHostile, act: str) -> None:
    """What is read and what it unpacks to are both bounded, far below what the bomb holds."""
    vendor = stand(rig, hostile, timeout=5)
    vendor.act(ENDLESS[act])
    rig.hurry(attempts=1)
    rig.hook.test_connection()  # imports what is imported on first use
    tracemalloc.start()
    try:
        report = rig.push(rig.renames(1), concurrency=1)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert counts(report) == {"failed": 1}
    assert peak < 8 * LARGEST_ANSWER


def test_interim_answers_are_no_answers(rig: Rig, hostile: OpenHostile) -> None:
    """A vendor behind a gateway that gives early hints: what counts comes after them."""
    vendor = stand(rig, hostile, timeout=10)
    hints = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\n\r\n"
    vendor.act(raw(lambda honest: hints + honest.whole(), hang_up=False), times=None)
    assert counts(rig.push(rig.renames(1, 2))) == {"pushed": 2}


def test_what_comes_after_an_answer_is_no_answer_to_the_next(hostile: OpenHostile, open_rig: OpenRig) -> None:
    """Two answers to one request: the second is not taken for an acknowledgement of the next record."""
    rig = open_rig("ocamba")
    vendor = stand(rig, hostile, timeout=10)
    vendor.act(raw(lambda honest: honest.whole() * 2, hang_up=False))
    vendor.act(body(b'{"message": "Bad Request"}', 400))
    report = rig.push(rig.renames(1, 2), concurrency=1)
    assert counts(report) == {"pushed": 1, "rejected": 1}


def test_a_slow_answer_within_its_bounds_is_one(rig: Rig, hostile: OpenHostile) -> None:
    """Bytes that come slower than all at once, but with no silence and in time."""
    vendor = stand(rig, hostile, timeout=10)
    vendor.act(drip(lambda honest: honest.whole(), 0.0005))
    assert counts(rig.push(rig.renames(1, 2), concurrency=1)) == {"pushed": 2}
    assert len([asked for asked in vendor.requests if writes(asked)]) == 2


@pytest.mark.parametrize("concurrency", [1, 4])
@pytest.mark.parametrize("act", ["one byte for ever", "silence"])
def test_a_push_that_is_asked_to_end_waits_for_no_answer_without_end(
    open_rig: OpenRig, hostile: OpenHostile, act: str, concurrency: int
) -> None:
    """Nothing more is sent; what is under way is waited for some seconds, and counted as failed."""
    rig = open_rig("ocamba")
    vendor = stand(rig, hostile, timeout=60)
    vendor.act(ENDLESS[act], times=None)
    hook = rig.hook

    def stop_in_mid_flight() -> None:
        while not vendor.requests:
            time.sleep(0.01)
        hook.stop()

    threading.Thread(target=stop_in_mid_flight, daemon=True).start()
    began = time.monotonic()
    with pytest.raises(PushStopped, match="asked to end") as stopped:
        hook.push(rig.renames(*range(9)), concurrency=concurrency, quota="none")
    assert time.monotonic() - began < SETTLE_SECONDS + 2
    assert stopped.value.report is not None
    assert counts(stopped.value.report) == {"failed": 1, "unsent": 8}
    assert len(vendor.requests) == 1


@pytest.fixture(autouse=True)
def _no_thread_is_left() -> Iterator[None]:
    yield
    left = [thread for thread in threading.enumerate() if thread.name.startswith("push")]
    for thread in left:
        thread.join(5)  # one hands its outcome over a moment before it ends
    assert not [thread.name for thread in left if thread.is_alive()]


def test_an_answer_whose_stream_could_not_be_opened_can_be_closed() -> None:
    """Python closes what it collects: nothing may be said of it then."""

    class Refusing:
        def makefile(self, mode: str) -> None:
            raise OSError(f"no descriptor is left to open it as {mode}")

    begun = _BoundedResponse.__new__(_BoundedResponse)
    with pytest.raises(OSError, match="no descriptor"):
        begun.__init__(Refusing())  # type: ignore[misc] -- to keep hold of what failed
    begun.close()
