"""Two processes at one target, one of them perhaps killed, with a ledger in either database."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from standins import Fault, Ocamba

from airflow_profile_provider.adapters.databases import engine_of
from airflow_profile_provider.errors import PushStopped
from airflow_profile_provider.ledger import lease
from airflow_profile_provider.ledger.lease import LEASE_SECONDS
from airflow_profile_provider.ledger.ledger import Ledger

from .quick import connections, held, push, written

N = 400
FORK = multiprocessing.get_context("fork")
TARGET = "ocamba:ocamba_default"


@pytest.fixture
def vendor(monkeypatch: pytest.MonkeyPatch, store: dict[str, Any]) -> Iterator[Ocamba]:
    """A vendor with a profile for each record; who waits for a lease looks often."""
    monkeypatch.setattr("airflow_profile_provider.adapters.ledgers.WAIT_SECONDS", 0.02)
    with Ocamba({str(n): {"comment": ""} for n in range(N)}) as found:
        for name, value in connections(found, store).items():
            monkeypatch.setenv(name, value)
        yield found


def rows(word: str, number: int = N, **more: Any) -> list[dict[str, Any]]:
    return [{"id": str(n), "comment": word, "name": f"Name {n}", **more} for n in range(number)]


def started(records: list[dict[str, Any]], report: Path | None = None, **options: Any) -> Any:
    """Push in a process of its own."""

    def run() -> None:
        found = push(records, **options)
        if report:
            report.write_text(json.dumps(found.as_dict()))

    child = FORK.Process(target=run)
    child.start()
    return child


def killed(vendor: Ocamba, records: list[dict[str, Any]], after: int, **options: Any) -> None:
    """Start a push, and kill it once so many requests have arrived."""
    before = len(vendor.requests)
    child = started(records, **options)
    while len(vendor.requests) < before + after and child.is_alive():
        time.sleep(0.0005)
    assert child.pid is not None
    os.kill(child.pid, signal.SIGKILL)
    child.join()
    assert child.exitcode == -signal.SIGKILL, "it ended before it was killed"


def acknowledged(store: dict[str, Any]) -> int:
    """How many keys the ledger vouches for."""
    with engine_of(_connection(store)).begin() as connection:
        query = text("select count(*) from profile_ledger where doubt is null")
        return int(connection.execute(query).scalar_one())


def _connection(store: dict[str, Any]) -> Any:
    from airflow.sdk import Connection

    return Connection(conn_id="ledger", **store)


# -- G3 -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("newer_first", [True, False])
def test_g3_of_two_processes_at_once_the_newer_version_stays(
    vendor: Ocamba, tmp_path: Path, newer_first: bool
) -> None:
    sources = {"old": rows("old", 100, v=1), "new": rows("new", 100, v=2)}
    order = ["new", "old"] if newer_first else ["old", "new"]
    children = []
    for name in order:
        children.append(started(sources[name], tmp_path / name, version="v", run=name, concurrency=3))
        while not vendor.requests:  # the first is under way when the second comes
            time.sleep(0.001)
    for child in children:
        child.join()
    assert {comment for comment, _ in list(held(vendor).values())[:100]} == {"new"}
    old, new = (json.loads((tmp_path / name).read_text()) for name in ("old", "new"))
    assert (old["received"], new["received"], new["pushed"]) == (100, 100, 100)
    assert old["superseded" if newer_first else "pushed"] == 100


def test_g3_a_push_that_waits_longer_than_its_lease_keeps_it(
    vendor: Ocamba, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With one request in flight, the vendor's Retry-After stops everything but the lease's renewal."""
    monkeypatch.setattr(lease, "LEASE_SECONDS", 1.5)
    vendor.faults = [Fault(429, headers={"Retry-After": "3"}, key="3")]
    options: dict[str, Any] = {"version": "v", "run": "old", "concurrency": 1}
    older = threading.Thread(target=push, args=(rows("old", 10, v=1),), kwargs=options)
    older.start()
    while not vendor.requests:
        time.sleep(0.01)
    push(rows("new", 10, v=2), version="v", run="new")
    older.join()
    assert written(vendor) == [*"01233456789", *"0123456789"]
    assert {comment for comment, _ in list(held(vendor).values())[:10]} == {"new"}


def test_g3_a_push_whose_machine_slept_longer_than_its_lease_sends_nothing_stale(
    vendor: Ocamba, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(lease, "LEASE_SECONDS", 0.4)
    vendor.faults = [Fault(429, headers={"Retry-After": "1"}, key="3")]
    report = tmp_path / "report"

    def older() -> None:
        try:
            push(rows("old", 10, v=1), version="v", run="old", concurrency=1)
        except PushStopped as stopped:
            report.write_text(f"{stopped}: {stopped.report}")

    child = FORK.Process(target=older)
    child.start()
    while len(vendor.requests) < 4:
        time.sleep(0.001)
    assert child.pid is not None
    os.kill(child.pid, signal.SIGSTOP)
    push(rows("new", 10, v=2), version="v", run="new")
    os.kill(child.pid, signal.SIGCONT)
    child.join()
    assert "has taken over" in report.read_text()
    assert "3 pushed, 1 failed, 6 unsent" in report.read_text()
    assert {comment for comment, _ in list(held(vendor).values())[:10]} == {"new"}


# -- G5 -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("after", [1, 50, 350])
def test_g5_after_a_kill_only_what_the_ledger_cannot_vouch_for_is_sent(
    vendor: Ocamba, store: dict[str, Any], after: int
) -> None:
    killed(vendor, rows("x"), after, run="task", concurrency=4)
    sure = acknowledged(store)
    sent = len(vendor.requests)
    report = push(rows("x"), run="task")
    assert (report.received, report.unchanged, report.pushed) == (N, sure, N - sure)
    assert len(vendor.requests) - sent == N - sure
    assert held(vendor) == {str(n): ("x", f"Name {n}") for n in range(N)}
    assert push(rows("x")).requests == 0


def test_g5_what_is_sent_again_is_bounded_by_what_was_written_down(
    vendor: Ocamba, store: dict[str, Any]
) -> None:
    """A push killed near its end has the ledger know most of it."""
    killed(vendor, rows("x"), 350, run="task", concurrency=4)
    assert acknowledged(store) > 200


def test_g5_a_value_that_changed_back_after_a_kill_is_sent_back(vendor: Ocamba) -> None:
    """A is acknowledged, B is killed on its way, and then the source says A again."""
    push(rows("a"))
    killed(vendor, rows("b"), 40, run="task", concurrency=4)
    assert "b" in {comment for comment, _ in held(vendor).values()}
    push(rows("a"), run="task")
    assert {comment for comment, _ in held(vendor).values()} == {"a"}


def test_g5_killed_again_and_again_every_try_goes_on(vendor: Ocamba, store: dict[str, Any]) -> None:
    known = 0
    for _ in range(3):
        killed(vendor, rows("x"), 90, run="task", concurrency=4)
        assert acknowledged(store) >= known
        known = acknowledged(store)
    push(rows("x"), run="task")
    assert {comment for comment, _ in held(vendor).values()} == {"x"}
    assert set(written(vendor)) == {str(n) for n in range(N)}


# -- the lease of the dead ------------------------------------------------------------------------------


def test_g5_a_retry_of_the_killed_task_does_not_wait_for_its_lease(vendor: Ocamba) -> None:
    killed(vendor, rows("x"), 20, run="task", concurrency=4)
    begun = time.monotonic()
    push(rows("x"), run="task")
    assert time.monotonic() - begun < LEASE_SECONDS / 4


def test_g3_another_run_waits_until_the_lease_of_a_killed_push_ends(
    vendor: Ocamba, store: dict[str, Any]
) -> None:
    killed(vendor, rows("x"), 20, run="task", concurrency=4)
    now = [time.time()]
    other = Ledger(engine_of(_connection(store)), TARGET, "id", clock=lambda: now[0])
    assert not other.take_lease("all", "other")
    now[0] += LEASE_SECONDS - 5
    assert not other.take_lease("all", "other")
    now[0] += 6
    assert other.take_lease("all", "other")


def test_g3_a_push_that_ends_lets_the_next_one_begin(vendor: Ocamba) -> None:
    begun = time.monotonic()
    for run in ("one", "two", "three"):
        push(rows(run, 5), run=run)
    assert time.monotonic() - begun < LEASE_SECONDS / 4


# -- several tasks at once ------------------------------------------------------------------------------


def test_g5_eight_mapped_tasks_may_begin_on_a_new_ledger(vendor: Ocamba, tmp_path: Path) -> None:
    shares = range(8)
    children = [started(rows("x", 80), tmp_path / str(at), partition=(at, 8), run=str(at)) for at in shares]
    for child in children:
        child.join()
    assert [child.exitcode for child in children] == [0] * 8
    assert sum(json.loads((tmp_path / str(at)).read_text())["pushed"] for at in shares) == 80


def test_g5_eight_may_make_the_tables_at_the_same_moment(tmp_path: Path) -> None:
    failed: list[Exception] = []

    def make(path: Path, ready: threading.Barrier) -> None:
        engine = engine_of(_connection({"conn_type": "sqlite", "host": str(path)}))
        ready.wait()
        try:
            Ledger(engine, TARGET, "id")
        except Exception as error:  # noqa: BLE001 -- whatever it is
            failed.append(error)
        engine.dispose()

    for at in range(6):
        ready = threading.Barrier(8)
        given = (tmp_path / f"{at}.db", ready)
        threads = [threading.Thread(target=make, args=given) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert failed == []
