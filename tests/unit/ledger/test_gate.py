"""Before anything is sent: too much, not as approved, nothing at all."""

from __future__ import annotations

import csv
import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sqlalchemy import text
from standins import Fault, Ocamba, Sonoran

from airflow_profile_provider.adapters.databases import engine_of
from airflow_profile_provider.errors import ConfigurationError, PushStopped, SourceError
from airflow_profile_provider.hooks.agilenow import AgileNowHook
from airflow_profile_provider.hooks.sonoran import SonoranHook
from airflow_profile_provider.sources.partition import in_partition

from .conftest import N
from .quick import QuickHook, held, push, written

COLUMNS = ("id", "comment", "name")
Made = dict[str, Any]
"""Arguments of a push that name the source."""


def rows(**comments: str) -> list[dict[str, Any]]:
    """Rows as they are; n3="x" changes the third."""
    return [
        {"id": str(n), "comment": comments.get(f"n{n}", f"is {n}"), "name": f"Name {n}"} for n in range(N)
    ]


def changed(number: int) -> list[dict[str, Any]]:
    return rows(**{f"n{n}": "new" for n in range(number)})


def _list(records: list[dict[str, Any]], folder: Path, setenv: Any) -> Made:
    return {"records": records}


def _json_lines(records: list[dict[str, Any]], folder: Path, setenv: Any) -> Made:
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in records))
    return {"records": folder / "rows.jsonl"}


def _csv(records: list[dict[str, Any]], folder: Path, setenv: Any) -> Made:
    with (folder / "rows.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(records)
    return {"records": folder / "rows.csv"}


def _parquet(records: list[dict[str, Any]], folder: Path, setenv: Any) -> Made:
    schema = pa.schema([(name, pa.string()) for name in COLUMNS])
    pq.write_table(pa.Table.from_pylist(records, schema), folder / "rows.parquet")
    return {"records": folder / "rows.parquet"}


def _sql(records: list[dict[str, Any]], folder: Path, setenv: Any) -> Made:
    with sqlite3.connect(folder / "warehouse.db") as connection:
        connection.execute("drop table if exists people")
        connection.execute("create table people (id text, comment text, name text)")
        connection.executemany("insert into people values (:id, :comment, :name)", records)
    setenv(
        "AIRFLOW_CONN_WAREHOUSE",
        json.dumps({"conn_type": "sqlite", "host": str(folder / "warehouse.db")}),
    )
    return {"records": None, "sql": "select * from people order by rowid", "sql_conn_id": "warehouse"}


SOURCES = {"list": _list, "jsonl": _json_lines, "csv": _csv, "parquet": _parquet, "sql": _sql}
Source = Callable[[list[dict[str, Any]]], Made]


@pytest.fixture(params=sorted(SOURCES))
def source(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Source:
    """Puts rows where a push finds them."""
    made = SOURCES[request.param]
    return lambda records: made(records, tmp_path, monkeypatch.setenv)


@pytest.fixture
def store(tmp_path: Path) -> dict[str, Any]:
    """Here one database will do."""
    return {"conn_type": "sqlite", "host": str(tmp_path / "ledger.db")}


def entries(store: dict[str, Any]) -> list[Any]:
    """All that the ledger holds of keys, and of versions."""
    from airflow.sdk import Connection

    with engine_of(Connection(conn_id="ledger", **store)).begin() as connection:
        kept = [tuple(row) for row in connection.execute(text("select * from profile_ledger order by key"))]
        named = [tuple(row) for row in connection.execute(text("select * from profile_ledger_meta"))]
        return [kept, sorted(named)]


# -- max_changes ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("most", [6, "6", "20%", " 20.0 % "])
def test_g6_too_many_changes_stop_before_anything_is_sent(ocamba: Ocamba, source: Source, most: Any) -> None:
    push(**source(rows()))
    sent = len(ocamba.requests)
    with pytest.raises(PushStopped, match=f"7 of {N} records would change") as caught:
        push(**source(changed(7)), max_changes=most)
    report = caught.value.report
    assert report is not None
    assert (report.received, report.unchanged, report.unsent, report.requests) == (N, N - 7, 7, 0)
    assert len(ocamba.requests) == sent


@pytest.mark.parametrize("most", [6, "20%"])
def test_g6_as_many_changes_as_are_allowed_are_sent(ocamba: Ocamba, source: Source, most: Any) -> None:
    push(**source(rows()))
    report = push(**source(changed(6)), max_changes=most)
    assert (report.pushed, report.unchanged, report.requests) == (6, N - 6, 6)


def test_g6_a_push_that_was_stopped_leaves_nothing_in_doubt(ocamba: Ocamba, store: dict[str, Any]) -> None:
    push(rows())
    before = entries(store)
    with pytest.raises(PushStopped):
        push(changed(N), max_changes=1)
    assert entries(store) == before
    sent = len(ocamba.requests)
    push(rows(n3="new"))
    assert written(ocamba, sent) == ["3"]


def test_g6_the_first_push_of_all_is_judged_too(ocamba: Ocamba) -> None:
    with pytest.raises(PushStopped, match=f"{N} of {N}"):
        push(rows(), max_changes="50%")
    assert not ocamba.requests


def test_a_first_run_is_told_apart_and_the_way_out_works(ocamba: Ocamba) -> None:
    """Case 21f: no source has changed, the ledger is empty."""
    with pytest.raises(PushStopped, match=r'knows nothing of this target.*action="baseline"'):
        push(rows(), max_changes="20%")
    push(rows(), action="baseline")
    assert push(rows(n3="new"), max_changes="20%").pushed == 1
    with pytest.raises(PushStopped, match="look at the source"):
        push(changed(N), max_changes="20%")


@pytest.mark.parametrize("most", ["many", "-1", 1.5, "20 percent"])
def test_g6_what_is_no_number_of_changes_is_refused(ocamba: Ocamba, most: Any) -> None:
    with pytest.raises(ConfigurationError, match="max_changes"):
        push(rows(), max_changes=most)


# -- shares ---------------------------------------------------------------------------------------------


def test_g6_a_share_with_many_changes_is_judged_by_the_whole_source(ocamba: Ocamba, source: Source) -> None:
    """Five of thirty are less than a fifth, though they are most of their share."""
    push(**source(rows()))
    mine = [n for n in range(N) if in_partition(str(n), (2, 4))][:5]
    assert len(mine) == 5
    report = push(
        **source(rows(**{f"n{n}": "new" for n in mine})), partition=(2, 4), max_changes="20%", run="0"
    )
    assert report.pushed == 5


def test_g6_every_share_stops_where_the_whole_changes_too_much(ocamba: Ocamba, source: Source) -> None:
    push(**source(rows()))
    sent = len(ocamba.requests)
    made = source(changed(7))
    for share in range(6):
        with pytest.raises(PushStopped, match=f"7 of {N}"):
            push(**made, partition=(share, 6), max_changes=6, run=str(share))
    assert len(ocamba.requests) == sent


def test_g1_the_shares_of_a_push_are_all_of_it(ocamba: Ocamba, source: Source) -> None:
    made = source(changed(7))
    reports = [push(**made, partition=(share, 4), run=str(share)) for share in range(4)]
    assert sum(report.received for report in reports) == N
    assert sorted(written(ocamba), key=int) == [str(n) for n in range(N)]
    assert push(**made).requests == 0


def test_g6_a_share_of_what_can_be_read_only_once_is_not_judged_by_the_whole(ocamba: Ocamba) -> None:
    with pytest.raises(ConfigurationError, match="give a list, a path, a query, or the function"):
        push(iter(rows()), partition=(0, 2), max_changes=N)
    assert push(iter(rows()), partition=(0, 2)).received > 0


def test_g6_a_share_of_a_baseline_writes_down_its_own_keys_alone(
    ocamba: Ocamba, store: dict[str, Any]
) -> None:
    report = push(rows(), action="baseline", partition=(0, 2), max_changes=N)
    assert 0 < report.planned < N
    assert sorted(entry[1] for entry in entries(store)[0]) == sorted(
        str(n) for n in range(N) if in_partition(str(n), (0, 2))
    )


def test_changed_fields_alone_are_not_sent_where_an_update_may_reset_the_others(
    ocamba: Ocamba, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = {"conn_type": "agilenow", "host": ocamba.url, "login": "a", "password": "b"}
    monkeypatch.setenv("AIRFLOW_CONN_AGILENOW_DEFAULT", json.dumps(connection))
    options: dict[str, Any] = {"ledger_conn_id": "ledger", "changed_fields_only": True}
    with pytest.raises(ConfigurationError, match="changed_fields_only might lose fields"):
        AgileNowHook().push([{"key": "1", "fields": {"Name": "x"}}], write="put", **options)


# -- plan and approval ----------------------------------------------------------------------------------


def planned(made: Made, **options: Any) -> tuple[Any, Any]:
    """Plan, and return the report and the plan."""
    hook = QuickHook()
    report = push(**made, hook=hook, action="plan", **options)
    return report, hook.last_plan


def test_g6_a_plan_sends_nothing_and_writes_nothing_down(
    ocamba: Ocamba, store: dict[str, Any], source: Source
) -> None:
    push(**source(rows()))
    before, sent = entries(store), len(ocamba.requests)
    report, plan = planned(source([*changed(7), {"id": "", "comment": "x", "name": "no key"}]))
    assert (report.received, report.planned, report.unchanged, report.invalid) == (N + 1, 7, N - 7, 1)
    assert plan.changes == 7
    assert entries(store) == before
    assert len(ocamba.requests) == sent


def test_g6_a_plan_does_not_decide_of_which_kind_versions_are(ocamba: Ocamba) -> None:
    planned({"records": [{**row, "v": "2026-11-21T09:00:00"} for row in rows()]}, version="v")
    assert push([{**row, "v": 1} for row in rows()], version="v").pushed == N


def test_g6_what_was_approved_is_sent(ocamba: Ocamba, source: Source) -> None:
    push(**source(rows()))
    made = source(changed(7))
    sent = len(ocamba.requests)
    _, plan = planned(made)
    report = push(**made, approved_plan=plan.plan_id)
    assert (report.pushed, report.unchanged) == (7, N - 7)
    assert written(ocamba, sent) == [str(n) for n in range(7)]


def test_g6_what_was_not_approved_is_refused_with_both_counts(ocamba: Ocamba, source: Source) -> None:
    push(**source(rows()))
    sent = len(ocamba.requests)
    _, plan = planned(source(changed(7)))
    with pytest.raises(PushStopped, match="7 changes were, and now it is 9"):
        push(**source(changed(9)), approved_plan=plan.plan_id)
    assert len(ocamba.requests) == sent


def test_g6_as_many_other_changes_are_refused_too(ocamba: Ocamba, source: Source) -> None:
    push(**source(rows()))
    _, plan = planned(source(changed(7)))
    others = [{**row, "comment": "another"} if row["comment"] == "new" else row for row in changed(7)]
    with pytest.raises(PushStopped, match="now it is 7 others"):
        push(**source(others), approved_plan=plan.plan_id)


def test_g6_what_became_true_in_the_meantime_is_no_longer_what_was_approved(ocamba: Ocamba) -> None:
    _, plan = planned({"records": rows()})
    push(rows()[:3])
    with pytest.raises(PushStopped, match=f"{N} changes were, and now it is {N - 3}"):
        push(rows(), approved_plan=plan.plan_id)


def test_g6_the_same_changes_in_another_order_are_what_was_approved(ocamba: Ocamba) -> None:
    """A query without `order by` may return its rows in any."""
    _, plan = planned({"records": rows()})
    assert push(rows()[::-1], approved_plan=plan.plan_id).pushed == N


def test_g6_the_changes_of_one_key_in_another_order_are_not_what_was_approved(ocamba: Ocamba) -> None:
    one, other = ({"id": "1", "comment": word, "name": "Name"} for word in ("one", "other"))
    _, plan = planned({"records": [one, other]})
    with pytest.raises(PushStopped, match="2 changes were, and now it is 2 others"):
        push([other, one], approved_plan=plan.plan_id)
    assert push([one, other], approved_plan=plan.plan_id).complete


@pytest.mark.parametrize("values", [False, True])
def test_g7_a_plans_lines_hold_values_only_if_asked(ocamba: Ocamba, tmp_path: Path, values: bool) -> None:
    push(rows())
    ocamba.faults = [Fault(400, {"message": "no"}, key="5")]
    push(rows(n5="refused"))
    path = tmp_path / "plan.jsonl"
    records = [*rows(n3="S3cr3t value", n5="refused"), {"id": "nobody", "comment": "hello", "name": "New"}]
    report, plan = planned({"records": records}, plan_path=path, plan_values=values)
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    shown = [(line["key"], line["fields"], line["why"], line["position"]) for line in lines]
    assert shown == [
        ("3", ["comment"], "changed", 4),
        ("5", ["comment", "full_name"], "in doubt", 6),
        ("nobody", ["comment", "full_name"], "new", N + 1),
    ]
    assert ("S3cr3t value" in path.read_text()) is values
    if values:
        assert lines[0]["values"] == {"comment": "S3cr3t value", "full_name": "Name 3"}
    summary = plan.summary(report)
    assert f"**3 of {N + 1} records** would be sent" in summary
    assert "S3cr3t" not in summary
    assert "nobody" not in summary


def test_g6_an_empty_plan_leaves_an_empty_file(ocamba: Ocamba, tmp_path: Path) -> None:
    push(rows())
    report, plan = planned({"records": rows()}, plan_path=tmp_path / "plan.jsonl")
    assert (report.planned, plan.changes, (tmp_path / "plan.jsonl").read_text()) == (0, 0, "")


# -- empty sources --------------------------------------------------------------------------------------


def test_g6_an_empty_source_fails_if_asked_to(ocamba: Ocamba, store: dict[str, Any], source: Source) -> None:
    push(**source(rows()))
    before, sent = entries(store), len(ocamba.requests)
    with pytest.raises(SourceError, match="is empty"):
        push(**source([]), if_empty="fail")
    assert (entries(store), len(ocamba.requests)) == (before, sent)


def test_g6_an_empty_source_may_be_if_said(ocamba: Ocamba, source: Source) -> None:
    push(**source(rows()))
    report = push(**source([]), if_empty="ok")
    assert (report.received, report.requests, report.complete) == (0, 0, True)


def test_g6_an_empty_file_or_query_fails_by_default_and_an_empty_list_does_not(
    ocamba: Ocamba, source: Source
) -> None:
    made = source([])
    if made["records"] == []:
        assert push(**made).received == 0
        return
    with pytest.raises(SourceError, match='if_empty="ok"'):
        push(**made)


def test_g6_a_share_with_no_rows_of_a_source_that_has_some_is_not_empty(
    ocamba: Ocamba, source: Source
) -> None:
    made = source(rows()[:1])
    received = [
        push(**made, partition=(share, 5), if_empty="fail", run=str(share)).received for share in range(5)
    ]
    assert sorted(received) == [0, 0, 0, 0, 1]


def test_g6_an_empty_source_is_no_plan_to_approve(ocamba: Ocamba, source: Source) -> None:
    push(**source(rows()))
    _, plan = planned(source(changed(2)))
    with pytest.raises(SourceError):
        push(**source([]), if_empty="fail", approved_plan=plan.plan_id)


# -- the smallest number of requests --------------------------------------------------------------------


def test_g2_no_change_asks_nothing_of_a_vendor_with_a_catalogue_either(
    ocamba: Ocamba, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Sonoran({"1": {"f": "a"}}) as vendor:
        connection = {"conn_type": "sonoran", "host": vendor.url, "login": vendor.login}
        connection |= {"password": vendor.secret, "extra": {"quota": "none"}}  # type: ignore[dict-item]
        monkeypatch.setenv("AIRFLOW_CONN_SONORAN_DEFAULT", json.dumps(connection))
        given: dict[str, Any] = {"key": "id", "fields": {"f": "c"}, "ledger_conn_id": "ledger"}
        assert SonoranHook().push([{"id": "1", "c": "x"}], **given).pushed == 1
        assert SonoranHook().push([{"id": "1", "c": "x"}], **given).requests == 0


def test_g2_a_source_that_was_in_order_again_needs_nothing(ocamba: Ocamba) -> None:
    push(rows())
    with pytest.raises(PushStopped):
        push(changed(N), max_changes=0)
    assert push(rows()).requests == 0
    assert held(ocamba) == {row["id"]: (row["comment"], row["name"]) for row in rows()}
