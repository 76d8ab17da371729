"""Fills an Airflow and a ledger with what many pushes leave; runs in the environment of that Airflow."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow_profile_provider.adapters.databases import engine_of
from airflow_profile_provider.ledger.counted import keep_count
from airflow_profile_provider.ledger.migrations import migrate
from airflow_profile_provider.reports import ReasonCount, Report

DAG, TASK, TARGET = "seen", "push", "ocamba:ocamba_default"
DAYS = 14
RARE = "invalid: field phone"
REASONS = ("429 rate limited", "404 unknown profile id", "422 email")
"""What records come to; each 33rd of a push is refused."""
FIRST = 100_000
"""Lines of the first push, as many as one may leave; the others share the rest."""
OWED = 5000
"""Rows of an outbox that nobody has delivered."""

_NUMBERS = {
    "sqlite": "with recursive given(n) as (select 1 union all select n + 1 from given where n < {last}) "
    "select {columns} from given",
    "postgresql": "select {columns} from generate_series(1, {last}) as given(n)",
}
_BYTES = {"sqlite": "randomblob({})", "postgresql": "substr(decode(md5(n::text), 'hex'), 1, {})"}
_KEY = "'k' || substr(cast(10000000 + {} as varchar(8)), 2)"


def main() -> None:
    """Fill them."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--lines", type=int, required=True)
    parser.add_argument("--entries", type=int, required=True)
    parser.add_argument("--pushes", type=int, required=True)
    given = parser.parse_args()
    now = datetime.now(UTC)
    starts = [now - timedelta(days=DAYS) * (number / given.pushes) for number in range(given.pushes, 0, -1)]
    _airflow(starts)
    _ledger(starts, given.lines, given.entries)
    _outbox()


def _airflow(starts: list[datetime]) -> None:
    """Leave runs, task instances and reports; of the reports all but the first are copies of its row."""
    from airflow.models.serialized_dag import SerializedDagModel
    from airflow.models.taskinstance import TaskInstance
    from airflow.models.xcom import XComModel
    from airflow.utils.session import create_session
    from airflow.utils.state import DagRunState
    from airflow.utils.types import DagRunTriggeredByType, DagRunType
    from sqlalchemy import insert, select, update

    with create_session() as session:
        dag: Any = SerializedDagModel.get_dag(DAG, session=session)
        for number, start in enumerate(starts):
            dag.create_dagrun(
                run_id=_run(number),
                logical_date=start,
                data_interval=(start, start),
                run_after=start,
                run_type=DagRunType.MANUAL,
                triggered_by=DagRunTriggeredByType.TEST,
                state=DagRunState.SUCCESS,
                session=session,
            )
            session.flush()
            mine = (TaskInstance.run_id == _run(number)) & (TaskInstance.task_id == TASK)
            ended = {"state": "success", "start_date": start, "end_date": start + timedelta(minutes=3)}
            session.execute(update(TaskInstance).where(mine).values(ended))
        XComModel.set("return_value", _report(), dag_id=DAG, task_id=TASK, run_id=_run(0), session=session)
        session.flush()
        table = XComModel.__table__
        (kept,) = session.execute(select(table)).mappings()
        runs = _numbers_of_runs(session)
        session.execute(
            insert(table),
            [{**kept, "run_id": run, "dag_run_id": runs[run]} for run in runs if run != kept["run_id"]],
        )


def _numbers_of_runs(session: Any) -> Mapping[str, int]:
    from airflow.models.dagrun import DagRun
    from sqlalchemy import select

    return {run_id: number for number, run_id in session.execute(select(DagRun.id, DagRun.run_id))}


def _run(number: int) -> str:
    return f"run-{number:05}"


def _report() -> dict[str, Any]:
    reasons = tuple(ReasonCount("rejected", reason, 30) for reason in REASONS)
    report = Report(
        received=3000, pushed=2910, rejected=90, requests=3000, throttled=4, quota_share=0.8, reasons=reasons
    )
    return json.loads(json.dumps(report.as_dict()))  # type: ignore[no-any-return]


def _ledger(starts: list[datetime], lines: int, entries: int) -> None:
    """Leave a ledger of so many entries, and a history of so many lines."""
    from airflow.models.connection import Connection
    from sqlalchemy import text

    engine = engine_of(Connection.get_connection_from_secrets("ledger"), create=True)
    migrate(engine)
    is_lite = engine.dialect.name == "sqlite"
    first = min(FIRST, lines // 10)
    each = (lines - first) // (len(starts) - 1)
    with engine.begin() as connection:
        target = "insert into profile_ledger_targets (id, target, key_type) values (1, :target, 'id')"
        connection.execute(text(target), {"target": TARGET})
        _entries(connection, entries, starts[-1].timestamp())
        for number, start in enumerate(starts, 1):
            _push(connection, number, start.timestamp(), first if number == 1 else each, entries)
    keep_count(engine, 1, 0)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("analyze" if is_lite else "vacuum analyze"))
    engine.dispose()


def _entries(connection: Any, number: int, refused_at: float) -> None:
    row, prints = (_BYTES[connection.dialect.name].format(size) for size in (6, 16))
    doubt = "case when n % 1000 = 0 then 1 end"
    refusals, refused = (f"case when n % 500 = 0 then {value} end" for value in (5, refused_at))
    into = 'profile_ledger (target, "key", "row", prints, "order", doubt, refusals, refused_at)'
    columns = f"1, {_KEY.format('n')}, {row}, {prints}, n, {doubt}, {refusals}, {refused}"
    _insert(connection, into, columns, number)


def _push(connection: Any, number: int, begun: float, lines: int, entries: int) -> None:
    from sqlalchemy import text

    told = {
        "id": number,
        "dag": DAG,
        "run": _run(number - 1),
        "task": TASK,
        "try": 1,
        "target": TARGET,
        "key_type": "id",
        "begun": begun,
        "ended": begun + 180,
        "complete": 1,
        "kept_until": begun + 2 * DAYS * 86_400,
    }
    names, values = ", ".join(told), ", ".join(f":{name}" for name in told)
    connection.execute(text(f"insert into profile_history_pushes ({names}) values ({values})"), told)
    place = f"((n * 7919 + {number} * 104729) % {entries} + 1)"
    which = " ".join(
        f"when n % 33 = 0 and n % {len(REASONS)} = {at} then '{reason}'" for at, reason in enumerate(REASONS)
    )
    verdict = f"case when n = {lines} then 'invalid' when n % 33 = 0 then 'rejected' else 'pushed' end"
    reason = f"case when n = {lines} then '{RARE}' {which} else '' end"
    into = 'profile_history_records (push, number, "key", position, verdict, reason, at)'
    _insert(connection, into, f"{number}, n, {_KEY.format(place)}, n, {verdict}, {reason}, {begun}", lines)


def _insert(connection: Any, into: str, columns: str, last: int) -> None:
    """Insert as many rows as that, the columns of each made of its number ``n``."""
    from sqlalchemy import text

    numbers = _NUMBERS[connection.dialect.name].format(columns=columns, last=last)
    connection.execute(text(f"insert into {into} {numbers}"))


def _outbox() -> None:
    from airflow.models.connection import Connection

    engine = engine_of(Connection.get_connection_from_secrets("app"), create=True)
    names = ("key", "fields", "created", "delivered")
    columns = ", ".join(["id integer not null primary key", *(f"{name} varchar(50)" for name in names)])
    with engine.begin() as connection:
        connection.exec_driver_sql(f"create table profile_outbox ({columns})")
        _insert(connection, "profile_outbox (id, key, created)", "n, 'k', '2026-11-01 00:00:00'", OWED)
    engine.dispose()


if __name__ == "__main__":
    main()
