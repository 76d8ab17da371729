"""Chains of pushes: who was acknowledged goes on to the next system, whoever was not does not."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException
from standins import Fault, Ocamba

from airflow_profile_provider.delivery.retries import RetryRule
from airflow_profile_provider.errors import PushStopped
from airflow_profile_provider.hooks.ocamba import OcambaHook
from airflow_profile_provider.operators.crosswalk import TranslateKeysOperator
from airflow_profile_provider.reports import Report

N = 12


@pytest.fixture
def first(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Ocamba]:
    """A vendor with N profiles, a ledger, and a table of people in a database."""
    monkeypatch.setattr(OcambaHook, "retry_rule", RetryRule(attempts=2, first_wait=0.001))
    with Ocamba({str(n): {"comment": ""} for n in range(N)}) as vendor:
        connection = {"conn_type": "ocamba", "host": vendor.url, "password": vendor.secret}
        connection["extra"] = {"quota": "none", "concurrency": 1}
        monkeypatch.setenv("AIRFLOW_CONN_OCAMBA_DEFAULT", json.dumps(connection))
        for name in ("ledger", "warehouse"):
            found = {"conn_type": "sqlite", "host": str(tmp_path / f"{name}.db")}
            monkeypatch.setenv(f"AIRFLOW_CONN_{name.upper()}", json.dumps(found))
        fill(tmp_path / "warehouse.db", "people", ("id", "comment", "updated"))
        yield vendor


def fill(path: Path, table: str, columns: tuple[str, ...], comment: str = "new") -> None:
    """A table of N rows: an id, the comment, a version."""
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(f"create table if not exists {table} ({', '.join(columns)})")
        connection.execute(f"delete from {table}")
        rows = [(str(n), comment, 1) for n in range(N)]
        connection.executemany(f"insert into {table} values (?, ?, ?)", rows)


def push(folder: Path, **options: Any) -> Report:
    """Push the table with the ledger, and write down who was delivered."""
    given: dict[str, Any] = {"sql": "select id, comment, updated from people", "sql_conn_id": "warehouse"}
    given |= {"key": "id", "fields": ["comment"], "ledger_conn_id": "ledger"}
    given["delivered_path"] = str(folder / "delivered.txt")
    given.update(options)
    return OcambaHook().push(**given)


def delivered(folder: Path) -> list[int]:
    return sorted(int(line) for line in (folder / "delivered.txt").read_text().split())


def refuse(*numbers: int, status: int = 400) -> list[Fault]:
    return [Fault(status, '{"message": "no"}', key=str(n), times=None) for n in numbers]


def test_who_is_unchanged_goes_on_to_the_next_system(first: Ocamba, tmp_path: Path) -> None:
    push(tmp_path)
    fill(tmp_path / "warehouse.db", "people", ("id", "comment", "updated"))
    report = push(tmp_path)
    assert (report.unchanged, report.requests) == (N, 0)
    assert delivered(tmp_path) == list(range(N))


@pytest.mark.parametrize("status", [400, 503])
def test_who_was_refused_or_not_answered_stays_behind_until_delivered(
    first: Ocamba, tmp_path: Path, status: int
) -> None:
    first.faults = refuse(3, 5, status=status)
    report = push(tmp_path)
    assert report.pushed == N - 2
    assert delivered(tmp_path) == [n for n in range(N) if n not in {3, 5}]
    first.faults = refuse(5, status=status)
    assert push(tmp_path).unchanged == N - 2
    assert delivered(tmp_path) == [n for n in range(N) if n != 5]


def test_who_is_quarantined_stays_behind(first: Ocamba, tmp_path: Path) -> None:
    first.faults = refuse(3)
    for n in range(5):
        with closing(sqlite3.connect(tmp_path / "warehouse.db")) as connection, connection:
            connection.execute("update people set comment = ? where id = '0'", [f"night {n}"])
        push(tmp_path, run=f"night {n}")
    first.faults = []
    assert push(tmp_path, run="night 5").quarantined == 1
    assert delivered(tmp_path) == [n for n in range(N) if n != 3]


def test_a_retry_hands_on_what_the_try_before_it_delivered(first: Ocamba, tmp_path: Path) -> None:
    first.faults = [Fault(302, "", {"Location": "/login"}, key="7", times=1)]
    with pytest.raises(PushStopped):
        push(tmp_path, run="night")
    assert delivered(tmp_path) == list(range(7))
    report = push(tmp_path, run="night")
    assert report.unchanged == 7
    assert delivered(tmp_path) == list(range(N))


def test_changes_of_one_key_are_delivered_with_the_last_of_them(first: Ocamba, tmp_path: Path) -> None:
    changes = [{"id": key, "comment": f"{n}"} for n, key in enumerate(["1", "2", "1", "2", "1"])]
    first.faults = refuse(2)
    report = push(tmp_path, sql=None, sql_conn_id=None, changes=changes)
    assert (report.superseded, report.pushed) == (2, 1)
    assert delivered(tmp_path) == [1]


def test_an_older_version_than_the_ledger_knows_is_left_to_the_run_that_brought_the_newer(
    first: Ocamba, tmp_path: Path
) -> None:
    push(tmp_path, version="updated")
    rows = [{"id": "1", "comment": "old", "updated": 0}, {"id": "2", "comment": "newer", "updated": 2}]
    report = push(tmp_path, sql=None, sql_conn_id=None, changes=rows, version="updated")
    assert (report.superseded, report.pushed) == (1, 1)
    assert delivered(tmp_path) == [2]


def test_a_key_of_several_columns_is_put_together_by_the_query(first: Ocamba, tmp_path: Path) -> None:
    (tmp_path / "keys.txt").write_text("a:1\nb:2\n")
    sql = "select id, comment, char(96 + id) || ':' || id as other from people"
    report = push(tmp_path, sql=sql, only=str(tmp_path / "keys.txt"), only_key="other")
    assert report.received == 2
    assert delivered(tmp_path) == [1, 2]


# -- a crosswalk --------------------------------------------------------------------------------------------


def crosswalk_in(folder: Path, kind: str) -> dict[str, str]:
    """A table of both systems' keys: CRM's c0 … c11 and the vendor's numbers; c4 and c5 have none."""
    rows = [(f"c{n}", None if n == 4 else n) for n in range(N) if n != 5]
    if kind == "sql":
        with closing(sqlite3.connect(folder / "warehouse.db")) as connection, connection:
            connection.execute("create table both_keys (crm, ocamba)")
            connection.executemany("insert into both_keys values (?, ?)", rows)
        return {"sql": "select crm, ocamba from both_keys", "sql_conn_id": "warehouse"}
    path = folder / f"crosswalk.{kind}"
    if kind == "csv":
        path.write_text("crm,ocamba\n" + "".join(f"{crm},{'' if n is None else n}\n" for crm, n in rows))
    else:
        path.write_text("".join(json.dumps({"crm": crm, "ocamba": n}) + "\n" for crm, n in rows))
    return {"crosswalk": str(path)}


def translate(folder: Path, **options: Any) -> dict[str, int]:
    given = {"from_column": "crm", "to_column": "ocamba", "keys": str(folder / "crm-delivered.txt")}
    given |= {"to_path": str(folder / "ocamba-keys.jsonl"), **options}
    return TranslateKeysOperator(task_id="translate", **given).execute({})


@pytest.mark.parametrize("kind", ["csv", "jsonl", "sql"])
def test_a_crosswalk_takes_keys_from_one_system_to_the_next(first: Ocamba, tmp_path: Path, kind: str) -> None:
    (tmp_path / "crm-delivered.txt").write_text("c1\nc2\nc4\nc5\nc2\n")
    assert translate(tmp_path, **crosswalk_in(tmp_path, kind)) == {"keys": 4, "missing": 2}
    report = push(tmp_path, only=str(tmp_path / "ocamba-keys.jsonl"))
    assert report.pushed == 2
    assert delivered(tmp_path) == [1, 2]
    assert (tmp_path / "ocamba-keys.jsonl").stat().st_mode & 0o077 == 0


def test_nobody_delivered_means_nobody_in_the_next_system(first: Ocamba, tmp_path: Path) -> None:
    (tmp_path / "crm-delivered.txt").write_text("")
    assert translate(tmp_path, **crosswalk_in(tmp_path, "csv")) == {"keys": 0, "missing": 0}
    assert push(tmp_path, only=str(tmp_path / "ocamba-keys.jsonl")).received == 0
    assert first.writes == []


@pytest.mark.parametrize("nothing", ["", " ", "None", "null"])
@pytest.mark.parametrize(
    "argument",
    ["keys", "to_path", "crosswalk", "sql", "sql_conn_id", "from_column", "to_column", "if_empty"],
)
def test_a_translation_refuses_text_that_was_made_of_nothing(
    first: Ocamba, tmp_path: Path, argument: str, nothing: str
) -> None:
    """Case 16, in the other operator: no file of that name, no query of that text."""
    (tmp_path / "crm-delivered.txt").write_text("c1\n")
    kind = "sql" if argument.startswith("sql") else "csv"
    with pytest.raises(AirflowFailException, match=argument):
        translate(tmp_path, **{**crosswalk_in(tmp_path, kind), argument: nothing})
    assert not (tmp_path / "ocamba-keys.jsonl").exists()


def test_a_translation_that_cannot_write_says_why(first: Ocamba, tmp_path: Path) -> None:
    """Case 18's kin: an error of Airflow's, which names the path."""
    (tmp_path / "crm-delivered.txt").write_text("c1\n")
    (tmp_path / "file").touch()
    with pytest.raises(AirflowException, match="file/keys"):
        translate(tmp_path, **crosswalk_in(tmp_path, "csv"), to_path=str(tmp_path / "file" / "keys.txt"))


def test_a_crosswalk_that_is_wrong_says_what_to_mend(first: Ocamba, tmp_path: Path) -> None:
    (tmp_path / "crm-delivered.txt").write_text("c1\n")
    found = crosswalk_in(tmp_path, "csv")
    with pytest.raises(AirflowException, match="no column 'acme'"):
        translate(tmp_path, **found, to_column="acme")
    with pytest.raises(AirflowException, match="cannot be read"):
        translate(tmp_path, **found, keys=str(tmp_path / "nowhere.txt"))
    with pytest.raises(AirflowFailException, match="give a crosswalk as a file, or as sql"):
        translate(tmp_path)
    (tmp_path / "crosswalk.csv").write_text("crm,ocamba\n")
    with pytest.raises(AirflowException, match=r"empty.*fill it"):
        translate(tmp_path, **found)
