"""A baseline takes rows together, and leaves in ledger and report what each would leave by itself."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from resuming import FileCheckpoints
from sqlalchemy import Engine
from standins import Ocamba

from airflow_profile_provider.errors import AskedToEnd, LedgerFailed, PushStopped, SourceError
from airflow_profile_provider.ledger.baseline import Baseline, Looked
from airflow_profile_provider.ledger.entry import Entry
from airflow_profile_provider.ledger.fingerprints import Fingerprints
from airflow_profile_provider.ledger.ledger import Ledger
from airflow_profile_provider.mapping.field_mapping import FieldMapping
from airflow_profile_provider.mapping.mapper import Mapper
from airflow_profile_provider.records import Verdict
from airflow_profile_provider.sources.batches import TupleBatch
from airflow_profile_provider.values import folded
from airflow_profile_provider.vendors.base import Access
from airflow_profile_provider.vendors.ocamba import Ocamba as Vendor

from .conftest import N
from .quick import QuickHook, held, push

IDS = st.sampled_from(["1", "2", "3", " 1", "A", "a", "Ä", "ä ", "", " ", ".", None, 7, 7.5, "x" * 600])
VALUES = st.one_of(st.none(), st.text(max_size=3), st.sampled_from(["one", "\ud800", 1, 2.5, True, ["a"]]))
TABLES = st.lists(
    st.fixed_dictionaries({"id": IDS, "comment": VALUES, "name": VALUES}), min_size=1, max_size=12
)
WHOLE = {"id": "99", "comment": "neither a blank line", "name": "nor without a column"}
ROWS = [{"id": str(n), "comment": f"is {n}", "name": "n"} for n in range(N)]


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches of a few rows, and few of them at once."""
    for module in ("parquet", "pandas_frames", "frames"):
        monkeypatch.setattr(f"airflow_profile_provider.sources.{module}.ROWS_AT_ONCE", 3)
    monkeypatch.setattr("airflow_profile_provider.sources.batches.READ_AT_ONCE", 3)
    monkeypatch.setattr("airflow_profile_provider.ledger.candidates.TAKEN_AT_ONCE", 2)


def entries(engine: Engine, conn_id: str) -> dict[str, tuple[Any, ...]]:
    """What the ledger has of a target, by key. Of several spellings of a key, any is kept."""
    query = (
        'select key, spelled, "row", prints, doubt, "order", sent, scopes, refused '
        "from profile_ledger join profile_ledger_targets on id = profile_ledger.target "
        f"where profile_ledger_targets.target = 'ocamba:{conn_id}'"
    )
    with engine.begin() as connection:
        found = connection.exec_driver_sql(query).all()
    assert all(spelled is None or folded(spelled, number=True) == key for key, spelled, *_ in found)
    return {key: tuple(rest) for key, _, *rest in found}


def verdicts(report: Any) -> dict[str, int]:
    return {verdict.value: getattr(report, verdict) for verdict in Verdict} | {"received": report.received}


def hook_of(vendor: Ocamba, conn_id: str, monkeypatch: pytest.MonkeyPatch) -> QuickHook:
    """A hook to a target of which nothing is known."""
    connection = {"conn_type": "ocamba", "host": vendor.url, "password": vendor.secret}
    monkeypatch.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", json.dumps(connection))
    return QuickHook(conn_id)


def source_of(form: str, rows: list[dict[str, Any]], folder: Path) -> Any:
    """The same records in some form."""
    if form == "frame":
        return pd.DataFrame({name: pd.Series([row[name] for row in rows], dtype=object) for name in rows[0]})
    if form == "csv":
        with (folder / "people.csv").open("w", newline="", errors="replace") as opened:
            writer = csv.DictWriter(opened, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
        return folder / "people.csv"
    return [{name: value for name, value in row.items() if value != "one"} for row in rows]


@pytest.mark.long
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=100)
@given(
    tables=st.lists(TABLES, min_size=1, max_size=2),
    form=st.sampled_from(["frame", "csv", "list"]),
    nulls=st.sampled_from(["skip", "clear", "invalid"]),
    exact=st.booleans(),
    number=st.uuids(),
)
def test_rows_that_are_taken_together_leave_in_the_ledger_what_each_leaves_by_itself(
    tables: list[list[dict[str, Any]]],
    form: str,
    nulls: str,
    exact: bool,
    number: Any,
    ocamba: Ocamba,
    engine: Engine,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    together, alone = f"together{number.hex}", f"alone{number.hex}"
    options = {"action": "baseline", "nulls": nulls, "exact_keys": exact}
    for drawn in tables:
        rows = [*drawn, WHOLE]
        ours = push(source_of(form, rows, tmp_path), hook_of(ocamba, together, monkeypatch), **options)
        with monkeypatch.context() as patched:
            patched.setattr(Mapper, "of_batches", None)
            theirs = push(source_of(form, rows, tmp_path), hook_of(ocamba, alone, monkeypatch), **options)
        assert (verdicts(ours), ours.reasons) == (verdicts(theirs), theirs.reasons)
        assert entries(engine, together) == entries(engine, alone)
    assert not ocamba.requests


@pytest.mark.parametrize("source", ["table", "parquet", "sql", "list", "csv"])
def test_after_it_nothing_is_sent_and_a_change_is(
    ocamba: Ocamba, source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def records(rows: list[dict[str, Any]]) -> dict[str, Any]:
        if source == "table":
            return {"records": pa.Table.from_pylist(rows)}
        if source in {"list", "csv"}:
            return {"records": source_of(source, rows, tmp_path)}
        if source == "parquet":
            pq.write_table(pa.Table.from_pylist(rows), tmp_path / "people.parquet")
            return {"records": str(tmp_path / "people.parquet")}
        database = f"sqlite:///{tmp_path}/people.db"
        pd.DataFrame(rows).to_sql("people", database, if_exists="replace", index=False)
        conn = {"conn_type": "sqlite", "host": str(tmp_path / "people.db")}
        monkeypatch.setenv("AIRFLOW_CONN_SOURCE", json.dumps(conn))
        return {"records": None, "sql": "select * from people", "sql_conn_id": "source"}

    report = push(**records(ROWS), action="baseline")
    assert (report.received, report.planned, report.requests) == (N, N, 0)
    report = push(**records(ROWS), action="baseline")
    assert (report.unchanged, report.planned) == (N, 0)
    assert push(**records(ROWS)).unchanged == N
    assert not ocamba.requests
    changed = [*ROWS[:-1], {**ROWS[-1], "comment": "other"}]
    report = push(**records(changed))
    assert (report.unchanged, report.pushed) == (N - 1, 1)
    assert held(ocamba)[str(N - 1)][0] == "other"


def test_a_key_in_two_batches_is_held_as_its_last_row_says(ocamba: Ocamba) -> None:
    rows = [{**row, "id": str(at % 10)} for at, row in enumerate(ROWS)]
    report = push(pa.Table.from_pylist(rows), action="baseline")
    assert report.received == report.planned + report.superseded == N
    report = push(pa.Table.from_pylist(rows[-10:]))
    assert (report.unchanged, report.requests) == (10, 0)


def test_a_row_that_is_held_is_the_last_of_its_key_all_the_same(ocamba: Ocamba) -> None:
    push(pa.Table.from_pylist(ROWS[:5]), action="baseline")
    other = {**ROWS[0], "comment": "other"}
    push(pa.Table.from_pylist([other, *ROWS[5:9], ROWS[0]]), action="baseline")
    assert push(pa.Table.from_pylist(ROWS[:1])).unchanged == 1
    assert push(pa.Table.from_pylist([other])).pushed == 1


def test_what_the_ledger_knows_of_a_key_is_not_written_over_unseen(ocamba: Ocamba, engine: Engine) -> None:
    push(ROWS[:1], action="baseline")
    with engine.begin() as connection:  # as a push leaves it that was killed before the first answer
        connection.exec_driver_sql("update profile_ledger set \"row\" = null, doubt = 2, sent = '*'")
    report = push(pa.Table.from_pylist(ROWS[:5]), action="baseline")
    assert (report.received, report.planned) == (5, 5)
    with engine.begin() as connection:
        found = connection.exec_driver_sql("select key, doubt is null from profile_ledger order by key").all()
    assert [tuple(one) for one in found] == [(str(n), True) for n in range(5)]


FAILS = {
    "sqlite": [
        "create trigger \"full\" before insert on profile_ledger when new.key = '{key}' "
        "begin select raise(fail, 'the disk is full of {key}'); end"
    ],
    "postgresql": [
        "create or replace function is_full() returns trigger language plpgsql as "
        "$$ begin raise exception 'the disk is full of {key}'; end $$",
        "create trigger \"full\" before insert on profile_ledger for each row when (new.key = '{key}') "
        "execute function is_full()",
    ],
}


@pytest.mark.parametrize("key", ["0", "7", "29"])
def test_a_database_that_takes_no_more_stops_it_and_every_record_is_accounted_for(
    ocamba: Ocamba, engine: Engine, key: str, tmp_path: Path
) -> None:
    push(ROWS[:0], action="baseline", if_empty="ok")
    with engine.begin() as connection:
        for statement in FAILS[engine.dialect.name]:
            connection.exec_driver_sql(statement.format(key=key))
    with pytest.raises(PushStopped) as stopped:
        push(pa.Table.from_pylist(ROWS), action="baseline", rejects_path=str(tmp_path / "rejects.jsonl"))
    assert isinstance(stopped.value, LedgerFailed)
    assert "full of" not in str(stopped.value), "the database's own words may hold keys"
    report = stopped.value.report
    assert report is not None
    assert (report.received, report.planned + report.unsent) == (N, N)
    with engine.begin() as connection:
        kept = connection.exec_driver_sql("select count(*) from profile_ledger").scalar_one()
    assert kept == report.planned < N
    lines = (tmp_path / "rejects.jsonl").read_text().splitlines()
    assert len({json.loads(line)["key"] for line in lines}) == report.unsent


def test_a_plan_that_is_to_be_small_is_looked_at_as_a_whole_first(ocamba: Ocamba, engine: Engine) -> None:
    with suppress(PushStopped):
        push(pa.Table.from_pylist(ROWS), action="baseline", max_changes=3)
    with engine.begin() as connection:
        assert connection.exec_driver_sql("select count(*) from profile_ledger").scalar_one() == 0


def test_the_rows_beside_one_that_is_known_are_still_written_together(engine: Engine) -> None:
    vendor = Vendor(Access("https://vendor.example.com", "", "secret"))
    mapping = FieldMapping(key="id", fields={"comment": "comment"})
    mapper, ledger = Mapper(vendor, mapping), Ledger(engine, "ocamba:x", "id")
    baseline = Baseline(mapper, ledger, Fingerprints(b"secret", vendor.shape, mapper.meaning, mapper.columns))
    batches = [
        TupleBatch(first, ["id", "comment"], [(f"{n}", "x") for n in range(first, first + 3)])
        for first in (1, 4)
    ]
    looked = [
        Looked(batch, batch.keys(), batch.keys(), [b"prints"] * 3, range(3), range(3)) for batch in batches
    ]
    ledger.put_in_doubt([Entry("2", doubt=-1)])
    assert baseline.take(looked) == [{0, 2}, {0, 1, 2}]
    found = ledger.known([f"{n}" for n in range(1, 7)])
    assert {key: (entry.row, entry.doubt) for key, entry in found.items()} == {
        **dict.fromkeys("13456", (b"prints", 0)),
        "2": (None, -1),
    }
    assert baseline.take(looked) == [set(), set()]


class Stopping:
    """Where checkpoints are kept, by somebody who asks the push to end when the first one comes."""

    retried = False

    def __init__(self, hook: QuickHook) -> None:
        self._hook = hook

    def load(self) -> None:
        """Know of no earlier try."""

    def save(self, checkpoint: Any, words: str) -> None:
        """Ask the push to end."""
        self._hook.stop("enough")


@pytest.mark.parametrize("odd", [0, 3], ids=["all are taken", "the last of each group are not"])
def test_a_baseline_that_is_asked_to_end_takes_no_more(
    ocamba: Ocamba, engine: Engine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, odd: int
) -> None:
    hook = hook_of(ocamba, "asked", monkeypatch)
    keys = [str(n) if n % 6 < 6 - odd else "" for n in range(9000)]
    pq.write_table(pa.table({"id": keys, "comment": ["x"] * 9000}), tmp_path / "t.parquet")
    options = {"action": "baseline", "fields": ["comment"], "checkpoints": Stopping(hook)}
    with pytest.raises(AskedToEnd) as stopped:
        push(tmp_path / "t.parquet", hook, **options)
    report = stopped.value.report
    assert report is not None
    assert (report.received, report.planned + report.unsent + report.invalid) == (9000, 9000)
    assert 0 < len(entries(engine, "asked")) == report.planned < 4000


@pytest.mark.parametrize("after", [0, 1, 5, 7])
def test_what_a_source_gave_before_it_broke_is_taken(ocamba: Ocamba, engine: Engine, after: int) -> None:
    def breaking() -> Iterator[dict[str, Any]]:
        yield from ROWS[:after]
        raise RuntimeError("gone")

    with pytest.raises(PushStopped if after else SourceError) as stopped:
        push(breaking(), action="baseline")
    if after:
        assert stopped.value.report is not None
        assert (stopped.value.report.received, stopped.value.report.planned) == (after, after)
    assert len(entries(engine, "ocamba_default")) == after


def test_batches_that_were_read_before_a_file_broke_are_taken(
    ocamba: Ocamba, engine: Engine, tmp_path: Path
) -> None:
    path = tmp_path / "people.parquet"
    pq.write_table(pa.Table.from_pylist(ROWS), path, row_group_size=3, compression="zstd")
    last = pq.ParquetFile(path).metadata.row_group(9).column(1)
    content = bytearray(path.read_bytes())
    start = last.dictionary_page_offset or last.data_page_offset
    content[start : start + last.total_compressed_size] = b"?" * last.total_compressed_size
    path.write_bytes(content)
    with pytest.raises(PushStopped, match="ended early") as stopped:
        push(path, action="baseline")
    assert stopped.value.report is not None
    assert (stopped.value.report.received, stopped.value.report.planned) == (27, 27)
    assert len(entries(engine, "ocamba_default")) == 27


def test_rows_that_are_not_alike_are_taken_together_all_the_same(ocamba: Ocamba, engine: Engine) -> None:
    rows = [
        {"id": "1", "comment": "x"},
        {"name": "n", "id": "2"},
        {"id": "3", "more": 1, "name": "", "comment": ""},
    ]
    report = push(rows, action="baseline")
    assert (report.received, report.planned) == (3, 3)
    assert (report := push(rows)).unchanged == 3
    assert report.requests == 0


def test_a_try_that_goes_on_counts_each_record_once(ocamba: Ocamba, engine: Engine, tmp_path: Path) -> None:
    table = pa.Table.from_pylist([*ROWS, {"id": "", "comment": "", "name": ""}])
    push(ROWS[:0], action="baseline", if_empty="ok")
    for statement in FAILS[engine.dialect.name]:
        with engine.begin() as connection:
            connection.exec_driver_sql(statement.format(key="22"))
    checkpoints = FileCheckpoints(tmp_path / "checkpoint.json")
    with pytest.raises(LedgerFailed):
        push(table, action="baseline", checkpoints=checkpoints)
    with engine.begin() as connection:
        connection.exec_driver_sql(
            f'drop trigger "full"{"" if engine.dialect.name == "sqlite" else " on profile_ledger"}'
        )
    report = push(table, action="baseline", checkpoints=FileCheckpoints(tmp_path / "checkpoint.json"))
    assert (report.received, report.invalid, report.undelivered) == (N + 1, 1, 1)
    assert report.planned + report.unchanged == N


@pytest.mark.parametrize("look", [1, 2], ids=["before it is mapped", "while it is"])
def test_a_connection_that_is_lost_in_the_middle_is_made_anew(
    ocamba: Ocamba, engine: Engine, look: int, tmp_path: Path
) -> None:
    if engine.dialect.name == "sqlite":
        pytest.skip("SQLite has no connections that could be lost")
    ended: list[int] = []
    looks: list[str] = []

    class Cut(str):
        """The key of a row that ends all other connections when it is looked at for so many times."""

        def strip(self, *given: Any) -> str:
            looks.append(self)
            if len(looks) == look:
                with engine.connect() as connection:
                    others = "pid <> pg_backend_pid() and datname = current_database()"
                    query = f"select pid, pg_terminate_backend(pid) from pg_stat_activity where {others}"
                    ended.extend(pid for pid, _ in connection.exec_driver_sql(query))
            return super().strip(*given)

    rows = [dict(row) for row in ROWS]
    rows[7]["id"] = Cut(rows[7]["id"] + " ")
    report = push(source_of("frame", rows, tmp_path), action="baseline")
    assert ended
    assert (report.received, report.planned + report.unchanged) == (N, N)
    assert len(entries(engine, "ocamba_default")) == N
