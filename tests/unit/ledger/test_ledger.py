"""The ledger: only what changed is sent, whatever was cut off, refused or overtaken."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from standins import Fault, Ocamba

from airflow_profile_provider.adapters.databases import engine_of
from airflow_profile_provider.delivery.retries import RetryRule
from airflow_profile_provider.errors import ConfigurationError, LedgerFailed, PushStopped
from airflow_profile_provider.hooks.ocamba import OcambaHook
from airflow_profile_provider.ledger.entry import Entry
from airflow_profile_provider.ledger.lease import LEASE_SECONDS
from airflow_profile_provider.ledger.ledger import Ledger
from airflow_profile_provider.ledger.tables import ROW_BYTES
from airflow_profile_provider.reports import Report

N = 30


@pytest.fixture(scope="module")
def postgres_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """A PostgreSQL of our own."""
    from postgres import private_postgres

    with private_postgres(tmp_path_factory.mktemp("ledger")) as store:
        yield store


@pytest.fixture(params=["sqlite", "postgres"])
def store(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A database for the ledger."""
    found = {"conn_type": "sqlite", "host": str(tmp_path / "ledger.db")}
    if request.param == "postgres":
        found = request.getfixturevalue("postgres_store")
    monkeypatch.setenv("AIRFLOW_CONN_LEDGER", json.dumps(found))
    return found


@pytest.fixture
def ocamba(
    monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest, store: dict[str, Any]
) -> Iterator[Ocamba]:
    monkeypatch.setattr(OcambaHook, "retry_rule", RetryRule(attempts=2, first_wait=0.001))
    with Ocamba({str(n): {"comment": ""} for n in range(N)}) as vendor:
        vendor.conn_id = f"ocamba_{abs(hash(request.node.name))}"  # type: ignore[attr-defined]
        connection = {"conn_type": "ocamba", "host": vendor.url, "password": vendor.secret}
        connection["extra"] = {"quota": "none", "concurrency": 1}
        monkeypatch.setenv(f"AIRFLOW_CONN_{vendor.conn_id.upper()}", json.dumps(connection))  # type: ignore[attr-defined]
        yield vendor


def rows(**comments: str) -> list[dict[str, Any]]:
    return [
        {"id": str(n), "comment": comments.get(f"n{n}", f"is {n}"), "name": f"Name {n}"} for n in range(N)
    ]


def push(vendor: Ocamba, records: Any, **options: Any) -> Report:
    given = {"key": "id", "fields": {"comment": "comment", "full_name": "name"}, **options}
    return OcambaHook(vendor.conn_id).push(records, ledger_conn_id="ledger", **given)  # type: ignore[attr-defined]


def test_a_run_with_no_change_sends_nothing(ocamba: Ocamba) -> None:
    assert push(ocamba, rows()).pushed == N
    sent = len(ocamba.requests)
    report = push(ocamba, rows())
    assert (report.unchanged, report.requests, report.received) == (N, 0, N)
    assert len(ocamba.requests) == sent


def test_what_changed_is_sent_and_nothing_else(ocamba: Ocamba) -> None:
    push(ocamba, rows())
    report = push(ocamba, rows(n3="new", n7="new"))
    assert (report.pushed, report.unchanged, report.requests) == (2, N - 2, 2)
    assert ocamba.profiles["3"]["comment"] == ocamba.profiles["7"]["comment"] == "new"


def test_only_the_fields_that_changed_are_sent_if_asked(ocamba: Ocamba) -> None:
    push(ocamba, rows())
    push(ocamba, rows(n3="new"), changed_fields_only=True)
    assert ocamba.requests[-1].json == {"comment": "new"}


def test_a_mapping_that_sends_the_same_sends_nothing(ocamba: Ocamba) -> None:
    push(ocamba, rows())
    renamed = [{"key": row["id"], "c": row["comment"], "n": row["name"]} for row in rows()]
    report = push(ocamba, renamed, key="key", fields={"comment": "c", "full_name": "n"})
    assert (report.unchanged, report.requests) == (N, 0)


def test_a_mapping_that_sends_something_else_is_noticed(ocamba: Ocamba) -> None:
    push(ocamba, rows())
    report = push(ocamba, rows(), fields={"comment": "name", "full_name": "name"})
    assert report.pushed == N


def test_a_value_that_changes_and_changes_back_is_sent_twice(ocamba: Ocamba) -> None:
    push(ocamba, rows())
    push(ocamba, rows(n3="b"))
    assert push(ocamba, rows()).pushed == 1
    assert ocamba.profiles["3"]["comment"] == "is 3"


def test_both_in_one_run_end_with_the_last(ocamba: Ocamba) -> None:
    push(ocamba, rows())
    there_and_back = [{**rows()[3], "comment": "b"}, *rows()[4:], rows()[3]]
    push(ocamba, there_and_back)
    assert ocamba.profiles["3"]["comment"] == "is 3"
    assert push(ocamba, rows()).requests == 0


def test_a_change_that_got_no_answer_is_in_doubt_and_sent_again(ocamba: Ocamba) -> None:
    push(ocamba, rows())
    ocamba.faults = [Fault(drop=True, key="3", times=2)]
    assert push(ocamba, rows(n3="b")).failed == 1
    assert ocamba.profiles["3"]["comment"] == "b"  # it had arrived
    report = push(ocamba, rows())
    assert (report.pushed, report.unchanged) == (1, N - 1)
    assert ocamba.profiles["3"]["comment"] == "is 3"


def test_a_rejected_record_is_sent_again_with_its_newest_value(ocamba: Ocamba) -> None:
    ocamba.faults = [Fault(400, {"message": "no"}, key="3")]
    assert push(ocamba, rows()).rejected == 1
    report = push(ocamba, rows(n3="newer"))
    assert (report.pushed, report.unchanged) == (1, N - 1)
    assert ocamba.profiles["3"]["comment"] == "newer"


def test_a_stopped_run_is_finished_by_the_next(ocamba: Ocamba) -> None:
    ocamba.faults = [Fault(401, key="20", times=None)]
    with pytest.raises(PushStopped):
        push(ocamba, rows())
    ocamba.faults = []
    report = push(ocamba, rows())
    assert (report.unchanged, report.pushed) == (20, 10)


def test_a_baseline_sends_nothing_and_knows_all(ocamba: Ocamba) -> None:
    report = push(ocamba, rows(), action="baseline")
    assert (report.planned, report.requests) == (N, 0)
    assert push(ocamba, rows(n5="new")).pushed == 1


def test_the_ledger_can_be_ignored(ocamba: Ocamba) -> None:
    push(ocamba, rows())
    assert push(ocamba, rows(), ignore_ledger=True).pushed == N


def test_an_older_version_never_overwrites_a_newer_one(ocamba: Ocamba) -> None:
    newer = [{**row, "v": 2} for row in rows(n3="newer")]
    older = [{**row, "v": 1} for row in rows(n3="older")]
    push(ocamba, newer, version="v")
    report = push(ocamba, older, version="v")
    assert (report.superseded, report.requests) == (N, 0)
    assert ocamba.profiles["3"]["comment"] == "newer"


def test_a_newer_version_counts_even_if_it_had_nothing_to_send(ocamba: Ocamba) -> None:
    push(ocamba, [{**row, "v": 1} for row in rows()], version="v")
    assert push(ocamba, [{**row, "v": 3} for row in rows()], version="v").unchanged == N
    older = push(ocamba, [{**row, "v": 2} for row in rows(n3="older")], version="v")
    assert (older.superseded, older.requests) == (N, 0)


def test_versions_of_another_kind_cannot_be_compared(ocamba: Ocamba) -> None:
    push(ocamba, [{**row, "v": 1} for row in rows()], version="v")
    report = push(ocamba, [{**row, "v": "2026-11-21T09:00:00+00:00"} for row in rows(n3="x")], version="v")
    assert (report.invalid, report.requests) == (N, 0)


def test_instants_order_changes_too(ocamba: Ocamba) -> None:
    push(ocamba, [{**row, "v": "2026-11-21T09:00:00+00:00"} for row in rows()], version="v")
    older = [{**row, "v": "2026-11-21T09:59:59+01:00"} for row in rows(n3="older")]
    assert push(ocamba, older, version="v").superseded == N


def test_a_record_refused_five_times_with_the_same_value_is_set_aside(ocamba: Ocamba, tmp_path: Path) -> None:
    ocamba.faults = [Fault(400, {"message": "no"}, key="3", times=None)]
    for number in range(5):
        records = rows(n3="poison", n4=f"another {number}")  # the vendor acknowledges something each time
        assert push(ocamba, records, run=str(number)).rejected == 1
    report = push(ocamba, rows(n3="poison"), run="6", rejects_path=tmp_path / "rejects.jsonl")
    assert (report.quarantined, report.rejected) == (1, 0)
    assert '"quarantined"' in (tmp_path / "rejects.jsonl").read_text()
    ocamba.faults = []
    assert push(ocamba, rows(n3="mended"), run="7").pushed == 1


def test_refusals_count_once_a_run_and_not_where_nothing_was_acknowledged(ocamba: Ocamba) -> None:
    ocamba.faults = [Fault(400, {"message": "no"}, key="3", times=None)]
    push(ocamba, rows(), run="1")
    for _ in range(6):
        push(ocamba, rows(n4="new"), run="2")  # the same run, tried again
        push(ocamba, rows()[3:4], run="3")  # nothing acknowledged
    assert push(ocamba, rows(), run="4").rejected == 1


def test_another_identifier_of_the_same_people_is_refused(store: dict[str, Any]) -> None:
    engine = engine_of(_connection(store))
    Ledger(engine, "x:people", "id").acknowledge([Entry("1", b"row")])
    with pytest.raises(ConfigurationError, match="knows x:people by id, not by email"):
        Ledger(engine, "x:people", "email")
    assert Ledger(engine, "x:people", "id")
    other = Ledger(engine, "x:people", "email", mixed_key_types=True)
    other.acknowledge([Entry("a@example.com", b"row")])
    assert other.known(["a@example.com"])["a@example.com"].row == b"row"
    assert Ledger(engine, "x:people", "id", mixed_key_types=True).known(["a@example.com"]) == {}


def test_rows_that_are_not_those_acknowledged_last_are_told_by_their_place(store: dict[str, Any]) -> None:
    engine = engine_of(_connection(store))
    ledger, other = (Ledger(engine, f"unlike:{name}", "id") for name in "ab")
    row, news = (bytes([n]) * ROW_BYTES for n in (0, 255))
    ledger.acknowledge([Entry(key, row) for key in ("same", "changed", "doubted", "é'\"")])
    ledger.put_in_doubt([Entry("doubted"), Entry("never answered")])
    other.acknowledge([Entry("of another", row)])
    asked = ["same", "changed", "doubted", "never answered", "unknown", "of another", "same", "same"]
    asked += ["é'\"", ""]
    rows = [row, news, row, row, row, row, news, row, row, row]
    assert ledger.unlike(asked, rows) == [1, 2, 3, 4, 5, 6, 9]
    assert ledger.unlike([], []) == []


def test_one_push_at_a_time_holds_a_target(store: dict[str, Any]) -> None:
    engine = engine_of(_connection(store))
    now = [1000.0]
    one, other = (Ledger(engine, "x:lease", "id", clock=lambda: now[0]) for _ in range(2))
    first = one.take_lease("all", "one")
    assert first
    assert not other.take_lease("all", "other")
    with first.kept():
        pass
    second = other.take_lease("all", "other")
    assert second
    now[0] += LEASE_SECONDS + 1
    assert one.take_lease("all", "one")
    assert "taken over" in str(second.check())
    with pytest.raises(LedgerFailed, match="taken over"):
        other.put_in_doubt([Entry("1")])


def test_a_try_that_still_lives_has_lost_its_lease_to_the_next(store: dict[str, Any]) -> None:
    engine = engine_of(_connection(store))
    earlier, later = (Ledger(engine, "x:lease", "id") for _ in range(2))
    assert earlier.take_lease("all", "dag run task")
    assert later.take_lease("all", "dag run task")
    with pytest.raises(LedgerFailed, match="taken over"):
        earlier.acknowledge([Entry("1")])
    later.acknowledge([Entry("1")])


def test_no_value_and_no_secret_is_in_the_database(ocamba: Ocamba, tmp_path: Path) -> None:
    push(ocamba, rows(n3="S3cr3t value"))
    for file in tmp_path.glob("ledger.db*"):
        assert b"S3cr3t value" not in file.read_bytes()
        assert ocamba.secret.encode() not in file.read_bytes()


def test_a_ledger_that_fails_stops_the_push_and_loses_nothing(
    ocamba: Ocamba, store: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if store["conn_type"] != "sqlite":
        pytest.skip("the file is taken away, and PostgreSQL has none")
    push(ocamba, rows())
    from sqlalchemy import text

    with engine_of(_connection(store)).begin() as connection:
        connection.execute(
            text("create trigger no before update on profile_ledger begin select raise(abort, 'full'); end")
        )
    with pytest.raises(LedgerFailed) as caught:
        push(ocamba, rows(n3="new"), rejects_path=tmp_path / "rejects.jsonl")
    report = caught.value.report
    assert report is not None
    assert (report.received, report.unchanged, report.unsent, report.requests) == (N, N - 1, 1, 0)
    assert len((tmp_path / "rejects.jsonl").read_text().splitlines()) == 1


def _connection(store: dict[str, Any]) -> Any:
    from airflow.sdk import Connection

    return Connection(conn_id="ledger", **{**store, "extra": json.dumps(store.get("extra") or {})})
