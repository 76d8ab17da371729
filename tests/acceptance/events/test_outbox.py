"""Pushing an outbox: what is read, in which order, and which mark each row gets."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from guarantees.rig import Rig
from sqlalchemy import text

from acceptance.rig import counts
from airflow_profile_provider.errors import ConfigurationError, PushStopped, SourceError
from airflow_profile_provider.fields import const, joined
from airflow_profile_provider.sources.announced import Announced, Outbox, merged
from airflow_profile_provider.sources.watching import unmarked

from .table import Table

FIELD = "full_name"


def push(rig: Rig, spans: Any = None, **options: Any) -> Any:
    own = {name: options.pop(name) for name in ("delivered", "mapping", "key_type") if name in options}
    announced = Announced(Outbox(**own), spans)
    return rig.hook.push(announced, sql_conn_id="app", **options)


@pytest.fixture
def keys(rig: Rig) -> list[str]:
    return rig.all_keys()


def test_what_is_owed_is_pushed_in_the_order_of_its_numbers_and_marked(
    outbox: Table, rig: Rig, keys: list[str]
) -> None:
    outbox.write(keys[1], {FIELD: "second"}, 7)
    outbox.write(keys[0], {FIELD: "late, and first"}, 3)
    outbox.write(keys[1], {FIELD: "first"}, 5)
    report = push(rig)
    assert (report.received, report.pushed, report.superseded) == (3, 2, 1)
    assert outbox.marks() == {3: "pushed", 5: "superseded", 7: "pushed"}
    assert (rig.held(FIELD)[keys[0]], rig.held(FIELD)[keys[1]]) == ("late, and first", "second")
    assert push(rig).received == 0


def test_only_the_announced_ranges_are_read(outbox: Table, rig: Rig, keys: list[str]) -> None:
    for number in range(1, 9):
        outbox.write(keys[number], {FIELD: f"new {number}"}, number)
    assert push(rig, ((2, 3), (6, 6))).pushed == 3
    assert [number for number, mark in outbox.marks().items() if mark] == [2, 3, 6]
    assert push(rig, ()).received == 0


def test_more_rows_than_a_page_are_all_read_and_marked_meanwhile(
    outbox: Table, rig: Rig, keys: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The outbox in SQLite has no write-ahead log here: a query that stays open would lock it."""
    monkeypatch.setattr(rig.hook_class, "tell_seconds", 0.0)
    with outbox.engine.begin() as connection:
        insert = text("insert into profile_outbox (key, fields) values (:key, :fields)")
        if connection.dialect.name == "postgresql":
            insert = text("insert into profile_outbox (key, fields) values (:key, cast(:fields as jsonb))")
        for number in range(1303):
            fields = json.dumps({FIELD: f"name {number}"})
            connection.execute(insert, {"key": keys[number % 30], "fields": fields})
    report = push(rig)
    assert report.received == 1303
    assert set(outbox.marks().values()) == {"pushed", "superseded"}


def test_what_fails_or_is_not_sent_stays_owed_and_what_is_refused_does_not(
    outbox: Table, rig: Rig, keys: list[str], tmp_path: Path
) -> None:
    fine, failing, unknown = outbox.write(keys[0], {FIELD: "a"}), outbox.write(keys[1], {FIELD: "b"}), 0
    unknown = outbox.write(rig.nobody, {FIELD: "c"})
    invalid = outbox.write(keys[2], {})
    rig.fault("status", key=keys[1], status=503)
    rejects = tmp_path / "rejects.jsonl"
    report = push(rig, rejects_path=rejects)
    assert (report.pushed, report.failed, report.rejected, report.invalid) == (1, 1, 1, 1)
    assert outbox.marks() == {fine: "pushed", failing: None, unknown: "rejected", invalid: "invalid"}
    lines = {line["position"]: line for line in map(json.loads, rejects.read_text().splitlines())}
    assert sorted(lines) == [failing, unknown, invalid]
    rig.sandbox.clear_faults()
    assert push(rig).pushed == 1
    assert outbox.marks()[failing] == "pushed"


def test_a_refused_row_that_a_later_one_of_the_same_push_replaces_is_superseded(
    outbox: Table, rig: Rig, keys: list[str]
) -> None:
    """They are too far apart to be sent as one."""
    refused = outbox.write(keys[0], {FIELD: "bad"})
    for number in range(1010):
        outbox.write(keys[1 + number % 20], {FIELD: f"name {number}"})
    later = outbox.write(keys[0], {FIELD: "good"})
    rig.fault("status", key=keys[0], status=400, times=1)
    report = push(rig, concurrency=1)
    assert (report.rejected, report.received) == (0, 1012)
    assert (outbox.marks()[refused], outbox.marks()[later]) == ("superseded", "pushed")


def test_a_push_that_stops_leaves_the_rest_owed(outbox: Table, rig: Rig, keys: list[str]) -> None:
    first, second = outbox.write(keys[0], {FIELD: "a"}), outbox.write(keys[1], {FIELD: "b"})
    rig.fault("status", key=keys[1], status=401)
    with pytest.raises(PushStopped):
        push(rig, concurrency=1)
    assert outbox.marks() == {first: "pushed", second: None}


def test_a_row_that_comes_late_does_not_undo_a_later_one(
    outbox: Table, rig: Rig, keys: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a ledger, too, although what it knows of the key is newer."""
    ledger = {"conn_type": "sqlite", "host": str(tmp_path / "ledger.db")}
    monkeypatch.setenv("AIRFLOW_CONN_LEDGER", json.dumps(ledger))
    for number, options in enumerate(({}, {"ledger_conn_id": "ledger"})):
        outbox.make()
        key = keys[number]
        outbox.write(key, {FIELD: "new"}, 10)
        push(rig, **options)
        outbox.write(key, {FIELD: "old", "comment": "of the older row alone"}, 8)
        outbox.write(key, {FIELD: "older"}, 7)
        assert push(rig, **options).pushed == 1
        assert rig.held(FIELD)[key] == "new"
        assert rig.held("comment")[key] == "of the older row alone"
        assert outbox.marks() == {7: "superseded", 8: "pushed", 10: "pushed"}


def test_with_a_ledger_a_row_that_failed_before_a_later_one_is_not_taken_for_overtaken(
    outbox: Table, rig: Rig, keys: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = {"conn_type": "sqlite", "host": str(tmp_path / "ledger.db")}
    monkeypatch.setenv("AIRFLOW_CONN_LEDGER", json.dumps(ledger))
    outbox.write(keys[0], {FIELD: "a"}, 5)
    outbox.write(keys[0], {"comment": "b"}, 7)
    rig.fault("status", key=keys[0], status=503)
    assert push(rig, ledger_conn_id="ledger").failed == 2
    rig.sandbox.clear_faults()
    push(rig, ledger_conn_id="ledger")
    assert (rig.held(FIELD)[keys[0]], rig.held("comment")[keys[0]]) == ("a", "b")


def test_each_consumer_has_a_mark_of_its_own_and_takes_what_it_knows(
    outbox: Table, rig: Rig, keys: list[str]
) -> None:
    outbox.write(keys[0], {"name": "Ada", "note": "x"}, 1)
    outbox.write(keys[0], {"shoe_size": 38}, 2)
    report = push(rig, delivered="lightfield", mapping={FIELD: "name"})
    assert counts(report) == {"pushed": 1, "unchanged": 1}
    assert rig.held(FIELD)[keys[0]] == "Ada"
    assert outbox.marks("lightfield") == {1: "pushed", 2: "unchanged"}
    assert outbox.marks() == {1: None, 2: None}


def test_expressions_take_members_of_a_row(outbox: Table, rig: Rig, keys: list[str]) -> None:
    """What is the same for every row goes along with others; one that brings a part of a value is invalid."""
    outbox.write(keys[0], {"first": "Ada", "last": "King"}, 1)
    outbox.write(keys[1], {"shoe_size": 38}, 2)
    outbox.write(keys[2], {"first": "Zoe"}, 3)
    mapping = {FIELD: joined("{} {}", "first", "last"), "comment": const("by the outbox")}
    assert counts(push(rig, mapping=mapping)) == {"pushed": 1, "unchanged": 1, "invalid": 1}
    assert (rig.held(FIELD)[keys[0]], rig.held("comment")[keys[0]]) == ("Ada King", "by the outbox")
    assert outbox.marks() == {1: "pushed", 2: "unchanged", 3: "invalid"}


def test_a_later_row_takes_the_place_of_what_an_expression_made(
    outbox: Table, rig: Rig, keys: list[str]
) -> None:
    outbox.write(keys[0], {"first": "Ada", "last": "Byron"}, 1)
    outbox.write(keys[0], {"first": "Ada", "last": "King"}, 2)
    assert counts(push(rig, mapping={FIELD: joined("{} {}", "first", "last")})) == {
        "pushed": 1,
        "superseded": 1,
    }
    assert rig.held(FIELD)[keys[0]] == "Ada King"


def test_an_outboxs_mapping_is_no_template() -> None:
    with pytest.raises(ConfigurationError, match="mapping is no template: write const without"):
        Outbox(mapping={FIELD: const("{{ ds }}")})


def test_a_key_type_may_stand_in_a_column(outbox: Table, rig: Rig, keys: list[str]) -> None:
    outbox.write(keys[0], {FIELD: "a"}, 1, kind="id")
    outbox.write(keys[1], {FIELD: "b"}, 2, kind="shoe")
    outbox.write(keys[2], {FIELD: "c"}, 3)
    report = push(rig, key_type="kind")
    assert (report.pushed, report.invalid) == (2, 1)


def test_what_a_limit_leaves_is_still_owed(outbox: Table, rig: Rig, keys: list[str]) -> None:
    for number in (1, 2, 3):
        outbox.write(keys[number], {FIELD: f"new {number}"}, number)
    assert counts(push(rig, limit=2)) == {"pushed": 2, "planned": 1}
    assert outbox.marks() == {1: "pushed", 2: "pushed", 3: None}
    assert counts(push(rig, limit=2)) == {"pushed": 1}


def test_a_plan_marks_nothing(outbox: Table, rig: Rig, keys: list[str]) -> None:
    outbox.write(keys[0], {FIELD: "a"}, 1)
    outbox.write(keys[1], {}, 2)
    assert push(rig, action="plan").planned == 1
    assert outbox.marks() == {1: None, 2: None}


def test_fields_that_are_no_object_are_invalid_and_named(
    outbox: Table, rig: Rig, keys: list[str], tmp_path: Path
) -> None:
    outbox.write(keys[0], '["email"]')
    assert push(rig, rejects_path=tmp_path / "r.jsonl").invalid == 1
    assert "list in column 'fields'; write a JSON object" in (tmp_path / "r.jsonl").read_text()
    assert list(outbox.marks().values()) == ["invalid"]


def test_a_table_that_cannot_be_marked_stops_the_push_and_keeps_its_rows_owed(
    outbox: Table, rig: Rig, keys: list[str]
) -> None:
    secret = "canary-value-4711"
    outbox.write(keys[0], {FIELD: secret})
    with outbox.engine.begin() as connection:
        refuse = (
            "create trigger no before update on profile_outbox begin select raise(abort, 'no'); end"
            if connection.dialect.name == "sqlite"
            else "alter table profile_outbox add constraint no check (delivered is null)"
        )
        connection.execute(text(refuse))
    with pytest.raises(PushStopped, match=r"cannot be marked .* let the connection update") as caught:
        push(rig)
    assert caught.value.report and caught.value.report.pushed == 1
    assert secret not in str(caught.value)
    assert list(outbox.marks().values()) == [None]


def test_a_table_or_a_column_that_is_not_there_is_named(outbox: Table, rig: Rig) -> None:
    with pytest.raises(SourceError, match=r"outbox profile_outbox cannot be read .* its columns"):
        push(rig, delivered="nowhere")
    with pytest.raises(SourceError, match="outbox elsewhere cannot be read"):
        rig.hook.push(Announced(Outbox(table="elsewhere")), sql_conn_id="app")


def test_an_outbox_and_its_connection_go_together(rig: Rig) -> None:
    with pytest.raises(ConfigurationError, match="an outbox is read through sql_conn_id"):
        rig.hook.push(Announced(Outbox()))
    with pytest.raises(ConfigurationError, match="table must be a name"):
        Outbox(table=" ")


def test_rows_of_an_outbox_take_no_columns(outbox: Table, rig: Rig) -> None:
    with pytest.raises(ConfigurationError, match="changes already: leave key and fields out"):
        push(rig, key="id", fields={"email": "mail"})


def test_what_is_owed_is_found_newest_first_and_the_oldest_is_known(outbox: Table) -> None:
    assert unmarked(outbox.engine, "profile_outbox", "id", ["delivered"]).ids == []
    for number in (9, 2, 4, 7):
        outbox.write("k", {FIELD: "a"}, number, delivered="pushed" if number == 4 else None)
    found = unmarked(outbox.engine, "profile_outbox", "id", ["delivered"], newest=2)
    assert (found.ids, found.oldest) == ([7, 9], 2)
    assert unmarked(outbox.engine, "profile_outbox", "id", ["delivered"]).ids == [2, 7, 9]
    assert unmarked(outbox.engine, "profile_outbox", "id", ["delivered", "lightfield"]).ids == [2, 4, 7, 9]


def test_ranges_that_touch_are_one_and_too_many_become_one() -> None:
    assert merged([(5, 6), (1, 2), (3, 3), (6, 9)]) == [(1, 3), (5, 9)]
    assert merged([(number, number) for number in range(0, 200, 2)]) == [(0, 198)]


def test_g2_a_value_that_was_left_out_supersedes_nothing(outbox: Table, rig: Rig, keys: list[str]) -> None:
    """Case 23e: row 5 is there first, and its null was skipped; then row 4 becomes visible."""
    outbox.write(keys[0], {FIELD: None, "comment": "Ada"}, 5)
    assert push(rig, nulls="skip").pushed == 1
    outbox.write(keys[0], {FIELD: "early", "comment": "Eve"}, 4)
    assert push(rig, nulls="skip").pushed == 1
    assert rig.held(FIELD)[keys[0]] == "early"
    assert rig.held("comment")[keys[0]] == "Ada"
    assert outbox.marks() == {4: "pushed", 5: "pushed"}


def test_g2_a_null_that_was_sent_supersedes(outbox: Table, rig: Rig, keys: list[str]) -> None:
    outbox.write(keys[0], {FIELD: None}, 5)
    push(rig, nulls="clear")
    outbox.write(keys[0], {FIELD: "early"}, 4)
    assert counts(push(rig, nulls="clear")) == {"superseded": 1}
    assert outbox.marks() == {4: "superseded", 5: "pushed"}


def test_a_row_of_which_nothing_is_sent_is_marked_and_undoes_nothing(
    outbox: Table, rig: Rig, keys: list[str]
) -> None:
    outbox.write(keys[0], {FIELD: None}, 5)
    assert counts(push(rig, nulls="skip", if_empty="fail")) == {"unchanged": 1}
    outbox.write(keys[0], {FIELD: "early"}, 4)
    assert push(rig, nulls="skip").pushed == 1
    assert outbox.marks() == {4: "pushed", 5: "unchanged"}
    assert rig.held(FIELD)[keys[0]] == "early"
