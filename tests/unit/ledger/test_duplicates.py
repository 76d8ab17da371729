"""Several rows of one key: the last one wins over the whole source, and an unchanged table sends nothing."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from standins import Fault, Ocamba

from airflow_profile_provider.errors import PushStopped
from airflow_profile_provider.ledger.postponed import Postponed, Waiting
from airflow_profile_provider.records import Change, Verdict

from .quick import FIELDS, QuickHook, connections, held, push, written

Records = list[dict[str, Any]]


@pytest.fixture
def store(tmp_path: Path) -> dict[str, Any]:
    """Here one database will do."""
    return {"conn_type": "sqlite", "host": str(tmp_path / "ledger.db")}


def row(key: Any, comment: str | None, name: str | None = "n") -> dict[str, Any]:
    return {"id": str(key), "comment": comment, "name": name}


def far_apart(first: dict[str, Any], last: dict[str, Any]) -> Records:
    """Two rows with more between them than are looked at, or wait, at once."""
    return [first, *(row(2 + n % 20, f"is {n % 20}") for n in range(1100)), last]


def _list(records: Records, folder: Path, setenv: Any) -> dict[str, Any]:
    return {"records": records}


def _parquet(records: Records, folder: Path, setenv: Any) -> dict[str, Any]:
    schema = pa.schema([(name, pa.string()) for name in ("id", "comment", "name")])
    pq.write_table(pa.Table.from_pylist(records, schema), folder / "rows.parquet")
    return {"records": folder / "rows.parquet"}


def _sql(records: Records, folder: Path, setenv: Any) -> dict[str, Any]:
    with sqlite3.connect(folder / "warehouse.db") as connection:
        connection.execute("drop table if exists people")
        connection.execute("create table people (id text, comment text, name text)")
        connection.executemany("insert into people values (:id, :comment, :name)", records)
    setenv("AIRFLOW_CONN_WAREHOUSE", f'{{"conn_type": "sqlite", "host": "{folder / "warehouse.db"}"}}')
    return {"records": None, "sql": "select * from people order by rowid", "sql_conn_id": "warehouse"}


@pytest.fixture(params=[_list, _parquet, _sql])
def source(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[Records], dict[str, Any]]:
    """Puts rows where a push finds them, by the row and by the thousand."""
    return lambda records: request.param(records, tmp_path, monkeypatch.setenv)


TABLES = {
    "together": [row(1, "A"), row(1, "B"), row(2, "n")],
    "three": [row(1, "A"), row(1, "B"), row(1, "C"), row(2, "n")],
    "the same twice": [row(1, "A"), row(1, "B"), row(1, "A")],
    "far apart": far_apart(row(1, "A"), row(1, "B")),
}


@pytest.mark.parametrize("table", sorted(TABLES))
def test_an_unchanged_table_sends_nothing_from_the_second_run_on(
    ocamba: Ocamba, source: Callable[[Records], dict[str, Any]], table: str
) -> None:
    """Case 12c."""
    records = TABLES[table]
    push(**source(records))
    state = held(ocamba)
    assert state["1"][0] == records[-1 if records[-1]["id"] == "1" else -2]["comment"]
    for review in ({}, {"max_changes": "100%"}):
        report = push(**source(records), **review)
        assert (report.requests, report.received) == (0, len(records))
        assert report.unchanged + report.superseded == len(records)
    assert held(ocamba) == state


def test_explain_says_that_an_earlier_row_is_superseded(ocamba: Ocamba) -> None:
    records = TABLES["together"]
    push(records)
    found = QuickHook().explain("1", records, key="id", fields=FIELDS, ledger_conn_id="ledger")
    assert [one.verdict for one in found.rows] == [Verdict.SUPERSEDED, Verdict.UNCHANGED]
    assert "later row" in found.rows[0].why


@pytest.mark.parametrize("changed", [0, -1])
def test_a_change_of_either_row_leaves_the_last_one_at_the_vendor(ocamba: Ocamba, changed: int) -> None:
    records = far_apart(row(1, "A"), row(1, "B"))
    push(records)
    records[changed] = row(1, "new")
    push(records)
    assert held(ocamba)["1"][0] == records[-1]["comment"]
    assert push(records).requests == 0


def test_an_earlier_row_is_sent_once_the_later_one_is_gone(ocamba: Ocamba) -> None:
    records = far_apart(row(1, "A"), row(1, "B"))
    push(records)
    assert push(records[:-1]).pushed == 1
    assert held(ocamba)["1"][0] == "A"
    assert push(records[:-1]).requests == 0


def test_the_last_row_wins_when_the_table_comes_in_another_order(ocamba: Ocamba) -> None:
    records = far_apart(row(1, "A"), row(1, "B"))
    push(records)
    push(records[::-1])
    assert held(ocamba)["1"][0] == "A"
    assert push(records[::-1]).requests == 0


def test_a_row_that_leaves_a_field_out_takes_no_place_in_it(ocamba: Ocamba) -> None:
    """Only what was sent supersedes: B says nothing of the name."""
    records = far_apart(row(1, "A", "Ada"), row(1, "B", None))
    push(records, nulls="skip")
    assert held(ocamba)["1"] == ("B", "Ada")
    assert push(records, nulls="skip").requests == 0
    records[0] = row(1, "A", "Eve")
    push(records, nulls="skip")
    assert held(ocamba)["1"] == ("B", "Eve")
    assert push(records, nulls="skip").requests == 0


def test_a_broken_source_sends_no_earlier_row(ocamba: Ocamba, tmp_path: Path) -> None:
    """What comes after the break may take its place: nothing is known to have changed."""
    records = far_apart(row(1, "A"), row(1, "B"))
    push(records)
    sent = len(ocamba.requests)

    def broken() -> Iterator[dict[str, Any]]:
        yield from records[:-1]
        raise SourceGone

    with pytest.raises(Exception) as caught:
        push(broken())
    assert written(ocamba, sent) == []
    report = getattr(caught.value, "report", None)
    if isinstance(caught.value, PushStopped):
        assert report.received == report.unchanged + report.unsent == len(records) - 1
        assert report.unsent == 1


class SourceGone(Exception):
    """A database went away."""


def test_a_row_that_was_refused_before_a_later_one_is_not_sent_again(ocamba: Ocamba) -> None:
    records = far_apart(row(1, "A"), row(1, "B"))
    ocamba.faults = [Fault(400, {"message": "no"}, key="1")]
    push(records)
    assert held(ocamba)["1"][0] == "B"
    assert push(records).requests == 0


def test_a_baseline_knows_duplicates_too(ocamba: Ocamba) -> None:
    records = TABLES["three"]
    push(records, action="baseline")
    assert push(records).requests == 0


CELLS = st.sampled_from(["a", "b", "c"]) | st.none()
ROWS = st.lists(st.tuples(st.integers(1, 3), CELLS, CELLS), max_size=9)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(ROWS, min_size=1, max_size=4), st.data())
def test_g2_whatever_is_twice_the_vendor_ends_as_the_rows_say_in_their_order(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory, tables: Any, data: Any
) -> None:
    """Each run, at the end of which the same table again sends nothing."""
    monkeypatch.setattr("airflow_profile_provider.ledger.session.LOOKED_UP_AT_ONCE", 2)
    store = {"conn_type": "sqlite", "host": str(tmp_path_factory.mktemp("ledger") / "ledger.db")}
    with Ocamba({str(n): {"comment": "", "full_name": ""} for n in range(1, 4)}) as vendor:
        for name, value in connections(vendor, store).items():
            monkeypatch.setenv(name, value)
        for table in tables:
            records = [row(*cells) for cells in table]
            if data.draw(st.booleans()):
                vendor.faults = [Fault(400, {"message": "no"}, key="1")]
            push(records, nulls="skip")
            vendor.faults = []
            report = push(records, nulls="skip")
            assert report.undelivered == report.invalid
            expected: dict[str, dict[str, Any]] = {}
            for record in records:
                named = {"comment": record["comment"], "full_name": record["name"]}
                expected.setdefault(record["id"], {}).update({k: v for k, v in named.items() if v})
            for key, fields in expected.items():
                assert {name: vendor.profiles[key][name] for name in fields} == fields
            assert push(records, nulls="skip").requests == 0


def test_what_waits_is_kept_in_order_and_by_key() -> None:
    postponed = Postponed()
    for number in range(2500):
        change = Change(str(number % 2), {"a": number}, "id", number)
        postponed.add(change.key, Waiting(change, b"row", frozenset({"a"})))
    assert [one.change.position for one in postponed.of("1")] == [*range(1, 2500, 2)]
    postponed.remove("1")
    assert postponed.of("1") == []
    assert [one.change.position for one in postponed.take(2)] == [0, 2]
    assert [one.change.position for one in postponed.drain()] == [*range(4, 2500, 2)]
    assert "0" not in postponed
    assert list(postponed.drain()) == []
