"""A first fill that is killed in the middle is gone on with: nothing is lost, and nothing is there twice."""

from __future__ import annotations

import multiprocessing
import os
import signal
from typing import Any

import pyarrow as pa
import pytest
from sqlalchemy import Engine, event
from standins import Ocamba

from .conftest import N
from .quick import push

FORK = multiprocessing.get_context("fork")
ROWS = [{"id": str(n), "comment": f"is {n}", "name": "n"} for n in range(N)]


def _fill_and_die(action: str, records: Any, after: int) -> None:
    left = [after]

    def step(*given: Any) -> None:
        left[0] -= len(given) == 1 or "INSERT INTO profile_ledger " in given[2]
        if left[0] < 0:
            os.kill(os.getpid(), signal.SIGKILL)

    event.listen(Engine, "before_cursor_execute", step)
    event.listen(Engine, "commit", step)
    push(records, action=action, run="dies")


@pytest.mark.long
@pytest.mark.parametrize(
    ("action", "records"),
    [("baseline", ROWS), ("push", ROWS), ("baseline", pa.Table.from_pylist(ROWS))],
    ids=["baseline", "push", "baseline of a table"],
)
def test_a_killed_fill_is_gone_on_with(
    ocamba: Ocamba, engine: Engine, monkeypatch: pytest.MonkeyPatch, action: str, records: Any
) -> None:
    monkeypatch.setattr("airflow_profile_provider.ledger.session.LOOKED_UP_AT_ONCE", 4)
    monkeypatch.setattr("airflow_profile_provider.ledger.candidates.TAKEN_AT_ONCE", 2)
    monkeypatch.setattr("airflow_profile_provider.sources.frames.ROWS_AT_ONCE", 2)
    monkeypatch.setattr("airflow_profile_provider.sources.batches.READ_AT_ONCE", 2)
    endings, acknowledged = [], []
    for after in range(0, 200, 3):
        child = FORK.Process(target=_fill_and_die, args=(action, records, after))
        child.start()
        child.join()
        endings.append(child.exitcode)
        with engine.begin() as connection:
            count = 'select count("row") from profile_ledger'
            is_there = engine.dialect.has_table(connection, "profile_ledger")
            acknowledged.append(connection.exec_driver_sql(count).scalar_one() if is_there else 0)
        if child.exitcode == 0:
            break
    assert endings == [-signal.SIGKILL] * (len(endings) - 1) + [0]
    assert acknowledged == sorted(acknowledged), "nothing is lost"
    assert any(0 < number < N for number in acknowledged), "some died in the middle"
    assert acknowledged[-1] == N
    report = push(records, run="dies")
    assert (report.unchanged, report.requests) == (N, 0)
    assert (len(ocamba.requests) == 0) is (action == "baseline")
