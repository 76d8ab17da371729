"""An operator that has nothing to send, in a real worker, beside a Python task that does nothing."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from statistics import median

from include.local_airflow import LocalAirflow

from benchmarks import sampling
from benchmarks.contenders.job import TOKEN
from benchmarks.contenders.ledger import fill
from benchmarks.outcome import Outcome, Row, Target
from benchmarks.parts.scheduler import DAGS, seconds_of_run
from benchmarks.race import Effort, environment, stand_in

ROWS = 1000
EMPTY, OURS, SAMPLED = "empty_task", "nothing_to_send", "nothing_sampled"
PARTS = (
    sampling.IMPORTS,
    sampling.CONNECTIONS,
    sampling.READING,
    sampling.LEDGER,
    sampling.REPORT,
    sampling.REST,
)


def nothing(effort: Effort, folder: Path) -> Outcome:
    """Fill a ledger, then let both tasks run in turn, and one that says where its time goes."""
    rounds = effort.at_most(5).rounds
    seconds: dict[str, list[float]] = {EMPTY: [], OURS: []}
    with stand_in(folder) as served:
        fill(folder / "people.db", ROWS, 0)
        more = {"PYTHONPATH": environment(folder)["PYTHONPATH"]}
        with LocalAirflow(folder / "airflow-home", DAGS, more=more) as airflow:
            airflow.migrate()
            airflow.start("api-server", "scheduler", "dag-processor")
            airflow.connect(
                {
                    "ocamba_default": {"conn_type": "ocamba", "host": served.url, "password": TOKEN},
                    "source": {"conn_type": "sqlite", "host": str(folder / "people.db")},
                    "ledger": {"conn_type": "sqlite", "host": str(folder / "ledger.db")},
                }
            )
            for dag_id in (OURS, EMPTY, SAMPLED):  # fills the ledger; compiles what is imported
                seconds_of_run(airflow, dag_id, 1)
            for _ in range(rounds):
                for dag_id, found in seconds.items():
                    found.append(seconds_of_run(airflow, dag_id, 1))
            for _ in range(min(rounds, 3)):
                seconds_of_run(airflow, SAMPLED, 1)
            reports = _reports(airflow)
        sent = served.seen()["admitted"]
    unchanged = [report["unchanged"] for report in reports]
    if sent != ROWS or unchanged[1:] != [ROWS] * (len(unchanged) - 1):
        raise RuntimeError(f"the vendor saw {sent} records and the reports have {unchanged} unchanged")
    more_than = [ours - empty for ours, empty in zip(seconds[OURS], seconds[EMPTY], strict=True)]
    parts = {
        part: median(each["parts"].get(part, 0.0) for each in reports[-min(rounds, 3) :]) for part in PARTS
    }
    rows = [Row("empty Python task", seconds=median(seconds[EMPTY]))]
    rows += [Row(f"our operator, {ROWS:,} rows, none of them changed", seconds=median(seconds[OURS]))]
    rows += [Row(f"of it: {part}", seconds=spent) for part, spent in parts.items()]
    notes = [
        "SQLite, LocalExecutor, a query over SQLite, a ledger in SQLite, connections in Airflow's database; "
        "from the start of the task to its end, as Airflow recorded them, "
        f"{rounds} rounds. The parts are of further runs, in which a thread looks at what the task does, and "
        f"the median of each: together {sum(parts.values()):.2f} s, where the difference is "
        f"{median(more_than):.2f} s."
    ]
    return Outcome(
        "Nothing to send, in a real worker",
        rows,
        [Target("seconds over an empty Python task", 1.5, more_than, at_least=False, unit=" s")],
        notes,
    )


def _reports(airflow: LocalAirflow) -> list[Mapping[str, float]]:
    """Return what our tasks have returned, in the order of their runs."""
    query = "select value from xcom where dag_id in (?, ?) and key = 'return_value' order by timestamp"
    with closing(sqlite3.connect(airflow.database)) as connection:
        return [json.loads(value) for (value,) in connection.execute(query, [OURS, SAMPLED])]
