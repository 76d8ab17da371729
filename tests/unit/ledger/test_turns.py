"""Waiting for one's turn has an end, and a turn that cannot be given back costs nothing that was done."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest
from sqlalchemy import text
from standins import Ocamba

from airflow_profile_provider.adapters import ledgers
from airflow_profile_provider.adapters.databases import engine_of
from airflow_profile_provider.errors import AskedToEnd, LedgerFailed
from airflow_profile_provider.ledger.ledger import Ledger

from .conftest import N
from .quick import QuickHook, push

ROWS = [{"id": str(n), "comment": "x", "name": f"Name {n}"} for n in range(N)]


def opened(store: dict[str, Any]) -> Any:
    from airflow.sdk import Connection

    return engine_of(Connection(conn_id="ledger", **store))


@pytest.fixture
def other(ocamba: Ocamba, store: dict[str, Any]) -> Any:
    """Let another push have the lease."""
    ledger = Ledger(opened(store), "ocamba:ocamba_default", "id")
    assert ledger.take_lease("all", "other")
    yield ledger
    ledger.close()


def test_a_push_that_waits_for_its_turn_ends_when_it_is_asked_to(ocamba: Ocamba, other: Ledger) -> None:
    hook, ended = QuickHook(), []

    def run() -> None:
        try:
            push(ROWS, hook, run="mine")
        except AskedToEnd as error:
            ended.append(error)

    pushing = threading.Thread(target=run)
    pushing.start()
    time.sleep(0.3)
    hook.stop()
    pushing.join(5)
    assert ended
    assert ended[0].report is not None
    assert ocamba.requests == []


def test_nobody_waits_for_ever(ocamba: Ocamba, other: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledgers, "WAIT_SECONDS", 0.01)
    monkeypatch.setattr(ledgers, "MOST_WAITS", 3)
    with pytest.raises(LedgerFailed, match="another push to ocamba:ocamba_default did not end"):
        push(ROWS, run="mine")
    assert ocamba.requests == []


@pytest.mark.parametrize("store", ["sqlite"], indirect=True)
def test_a_lease_that_cannot_be_given_back_leaves_the_result(ocamba: Ocamba, store: dict[str, Any]) -> None:
    """It ends by itself within a minute."""
    push([])
    stuck = "create trigger stuck before delete on profile_ledger_leases begin select raise(abort, 'no'); end"
    engine = opened(store)
    with engine.begin() as connection:
        connection.execute(text(stuck))
    engine.dispose()
    report = push(ROWS)
    assert (report.pushed, report.complete) == (N, True)
