"""What may still arrive keeps its record in doubt: old data may show for a while, but never stays."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standins import Fault, Lightfield, Ocamba
from standins.server import Reply, Seen

from airflow_profile_provider.hooks.lightfield import LightfieldHook
from airflow_profile_provider.ledger.entry import Entry, now_of

from .quick import QuickHook, connections, held, push, written

N = 12
TIMEOUT = 0.25


class Late(Ocamba):
    """Takes a request that ``holds`` names, and carries it out once it is told to arrive."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.holds: Callable[[Seen], bool] = lambda request: False
        self.arrive = threading.Event()
        self.arrived: list[str] = []

    def take(self, request: Seen) -> tuple[Reply, Fault | None]:
        """Hold a request, or answer it at once."""
        if self.holds(request):
            with self._lock:
                self.requests.append(request)
            self.arrive.wait(20)
            with self._lock:
                reply = self.answer(request)
                self.arrived += self.keys_of(request)
            return reply, None
        return super().take(request)

    def let_arrive(self, number: int = 1) -> None:
        """Let what is held arrive, and wait for it."""
        self.arrive.set()
        until = time.monotonic() + 5
        while len(self.arrived) < number and time.monotonic() < until:
            time.sleep(0.01)
        assert len(self.arrived) == number


@pytest.fixture
def vendor(monkeypatch: pytest.MonkeyPatch, store: dict[str, Any]) -> Iterator[Late]:
    monkeypatch.setattr("airflow_profile_provider.adapters.ledgers.WAIT_SECONDS", 0.02)
    with Late({str(n): {"comment": ""} for n in range(N)}) as found:
        for name, value in connections(found, store).items():
            if name.endswith("DEFAULT"):
                members = json.loads(value)
                members["extra"]["timeout"] = TIMEOUT
                value = json.dumps(members)
            monkeypatch.setenv(name, value)
        yield found
        found.arrive.set()


def rows(word: str, **more: Any) -> list[dict[str, Any]]:
    return [{"id": str(n), "comment": word, "name": f"Name {n}", **more} for n in range(N)]


def first(word: str, key: str = "3") -> Callable[[Seen], bool]:
    """The first request of a key that carries a comment."""
    seen: list[Seen] = []

    def holds(request: Seen) -> bool:
        if request.path.endswith(f"/{key}") and request.json.get("comment") == word and not seen:
            seen.append(request)
            return True
        return False

    return holds


# -- an attempt without an answer -----------------------------------------------------------------------


def test_what_arrives_late_is_put_right_by_a_later_run(vendor: Late) -> None:
    """Case 23c: B got no answer, its retry was acknowledged, then A was, and then the first B comes."""
    push(rows("A"))
    vendor.holds = first("B")
    assert push(rows("B")).pushed == N
    assert push(rows("A")).pushed == N
    vendor.let_arrive()
    assert vendor.profiles["3"]["comment"] == "B"
    report = push(rows("A"))
    assert (report.pushed, report.unchanged) == (1, N - 1)
    assert vendor.profiles["3"]["comment"] == "A"


def test_it_is_sent_once_more_after_the_doubt_and_never_again(vendor: Late) -> None:
    vendor.faults = [Fault(drop=True, key="3")]
    assert push(rows("A"), doubt_seconds=0.6).pushed == N
    time.sleep(0.7)
    assert [push(rows("A"), doubt_seconds=0.6).pushed for _ in range(3)] == [1, 0, 0]
    assert written(vendor)[N + 1 :] == ["3"]


def test_what_may_still_arrive_and_is_what_was_acknowledged_is_not_sent_meanwhile(vendor: Late) -> None:
    """It would change nothing: a run with no change sends nothing."""
    vendor.faults = [Fault(drop=True, key="3")]
    push(rows("A"))
    assert [push(rows("A")).pushed for _ in range(3)] == [0, 0, 0]


def test_while_another_value_may_arrive_every_run_sends_it(vendor: Late) -> None:
    push(rows("A"))
    vendor.faults = [Fault(drop=True, key="3")]
    push(rows("B"))
    assert [push(rows("A")).pushed for _ in range(3)] == [N, 1, 1]


def test_no_doubt_seconds_trust_every_acknowledgement(vendor: Late) -> None:
    vendor.faults = [Fault(drop=True, key="3")]
    push(rows("A"), doubt_seconds=0)
    assert push(rows("A"), doubt_seconds=0).requests == 0


def test_a_record_that_failed_without_an_answer_is_sent_whatever_it_was(vendor: Late) -> None:
    """A was acknowledged, B refused, and A again got no answer: what the vendor holds is not known."""
    push(rows("A"))
    vendor.faults = [Fault(503, key="3", times=2)]
    assert push(rows("B")).failed == 1
    push([row for row in rows("A") if row["id"] != "3"])
    vendor.faults = [Fault(reset=True, key="3", times=2)]
    assert push(rows("A")).failed == 1
    assert push(rows("A")).pushed == 1


def test_a_value_that_failed_without_an_answer_stays_in_doubt_after_another_is_acknowledged(
    vendor: Late,
) -> None:
    vendor.faults = [Fault(drop=True, key="3", times=2)]
    assert push(rows("A")).failed == 1
    assert [push(rows("B")).pushed for _ in range(2)] == [N, 1]


@pytest.mark.parametrize(
    "fault", [Fault(503, times=2), Fault(500, times=2), Fault(400, {"message": "no"}), Fault(429, times=2)]
)
def test_an_answer_leaves_no_doubt_whatever_it_says(vendor: Late, fault: Fault) -> None:
    """A record that was refused, or failed by answers, is in doubt only until it is acknowledged."""
    from dataclasses import replace

    vendor.faults = [replace(fault, key="3")]
    assert push(rows("A")).pushed == N - 1
    assert push(rows("A")).pushed == 1
    assert push(rows("A")).requests == 0


@pytest.mark.parametrize("status", [408, 502, 504])
def test_what_a_gateway_says_is_no_answer(vendor: Late, status: int) -> None:
    """It stopped waiting for the vendor, which may be at work still."""
    vendor.faults = [Fault(status, key="3")]
    assert push(rows("A")).pushed == N
    assert [push(rows("B")).pushed for _ in range(2)] == [N, 1]


def test_a_refusal_after_an_attempt_without_an_answer_leaves_the_doubt(vendor: Late) -> None:
    vendor.faults = [Fault(drop=True, key="3"), Fault(400, {"message": "no"}, key="3")]
    assert push(rows("A")).rejected == 1
    assert [push(rows("B")).pushed for _ in range(2)] == [N, 1]


def test_a_key_that_comes_twice_keeps_its_doubt(vendor: Late) -> None:
    """The first change of it gets no answer and joins the second, which is acknowledged."""
    vendor.faults = [Fault(drop=True, key="3", times=2)]
    twice = [{"id": "3", "comment": "early", "name": "x"}, *rows("A")]
    push(twice, concurrency=1)
    assert push(rows("A")).pushed == 1


def test_a_request_that_the_vendor_knows_by_its_idempotency_key_leaves_none(
    monkeypatch: pytest.MonkeyPatch, store: dict[str, Any]
) -> None:
    """Lightfield: an attempt that arrives after its retry was answered does nothing."""
    from airflow_profile_provider.delivery.retries import RetryRule

    monkeypatch.setattr(LightfieldHook, "retry_rule", RetryRule(attempts=2, first_wait=0.001))
    with Lightfield({"acc_1": {"$name": ""}}) as vendor:
        members = {"conn_type": "lightfield", "host": vendor.url, "password": vendor.secret}
        monkeypatch.setenv(
            "AIRFLOW_CONN_LIGHTFIELD_DEFAULT", json.dumps({**members, "extra": {"quota": "none"}})
        )
        monkeypatch.setenv("AIRFLOW_CONN_LEDGER", json.dumps(store))
        source = [{"key": "acc_1", "fields": {"$name": "Acme"}}]

        def pushed() -> Any:
            return LightfieldHook().push(source, ledger_conn_id="ledger")

        vendor.faults = [Fault(drop=True)]
        assert pushed().pushed == 1
        assert pushed().unchanged == 1
        vendor.faults = [Fault(drop=True, times=2)]
        source[0]["fields"] = {"$name": "New"}
        assert pushed().failed == 1
        source[0]["fields"] = {"$name": "Newest"}
        assert [pushed().pushed for _ in range(2)] == [1, 1], "no attempt with that key was answered"


# -- a lease that was taken over ------------------------------------------------------------------------


def test_of_two_tries_at_once_the_newer_version_stays_after_the_next_run(vendor: Late) -> None:
    """Case 23b: the first try lives on, and what it had sent arrives after what the second one sent."""
    vendor.holds = first("old", "7")
    done: list[Any] = []

    def first_try() -> None:
        try:
            done.append(push(rows("old", v=1), version="v", run="task"))
        except Exception as error:  # noqa: BLE001 -- it has lost its lease
            done.append(error)

    trying = threading.Thread(target=first_try)
    trying.start()
    until = time.monotonic() + 5
    while not any(request.path.endswith("/7") for request in vendor.requests) and time.monotonic() < until:
        time.sleep(0.005)
    second = push(rows("new", v=2), version="v", run="task")
    assert second.pushed == N
    vendor.let_arrive()
    trying.join(10)
    assert vendor.profiles["7"]["comment"] == "old"
    push(rows("new", v=2), version="v", run="other")
    assert {comment for comment, _ in held(vendor).values()} == {"new"}


class Killed(BaseException):
    """The process is gone."""


@pytest.mark.parametrize(
    ("seconds", "word", "more"), [(0.5, "A", [N, 0]), (900, "A", [0, 0]), (900, "B", [N, N])]
)
def test_what_a_killed_push_had_taken_is_sent_once_more_later(
    vendor: Late, monkeypatch: pytest.MonkeyPatch, seconds: float, word: str, more: list[int]
) -> None:
    """And meanwhile, too, where its retry had other values."""

    def die(_: Any, entries: Any) -> None:
        if list(entries):
            raise Killed

    with monkeypatch.context() as patched:
        patched.setattr("airflow_profile_provider.ledger.ledger.Ledger.acknowledge", die)
        patched.setattr("airflow_profile_provider.ledger.ledger.Ledger.keep_doubts", die)
        with pytest.raises(Killed):
            push(rows("A"), QuickHook(), run="task")
    assert push(rows(word), run="task", doubt_seconds=seconds).pushed == N
    time.sleep(0.6)
    assert [push(rows(word), run=str(at), doubt_seconds=seconds).pushed for at in range(2)] == more


def test_what_was_never_sent_is_owed_and_no_more(vendor: Late) -> None:
    """A push that stopped for its credential had taken more than it sent."""
    vendor.faults = [Fault(401, key="3")]
    with pytest.raises(Exception, match="401"):
        push(rows("A"))
    assert push(rows("A")).pushed == N - 3
    assert push(rows("A")).requests == 0


# -- the rule -------------------------------------------------------------------------------------------


@given(
    st.lists(st.tuples(st.sampled_from(["unsure", "failed", "arrived"]), st.integers(1, 400)), max_size=12)
)
def test_only_what_was_sent_after_the_doubt_ends_it(events: list[tuple[str, int]]) -> None:
    """Whatever happens in which order: no doubt is left exactly where nothing can arrive any more."""
    entry, now, is_owed, until = Entry("k"), 1000.0, False, 0.0
    for event, seconds in events:
        now += seconds
        entry.set_out("new")
        if event == "unsure":
            entry.doubt_until(now_of(now + 900), "old")
            until = now + 900
        if event == "arrived":
            entry.arrive(now_of(now))
            is_owed, until = False, 0.0 if now >= until else until
        else:
            entry.fail()
            is_owed = True
        assert not entry.under_way
        assert (entry.doubt == 0) is (not is_owed and not until)
