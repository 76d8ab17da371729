"""Equal values of two records cannot be told by the ledger, and one from before that was so is taken over."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import sqlite3
from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from airflow.sdk import Connection
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, create_engine, event, text
from standins import Fault, Ocamba

from airflow_profile_provider.adapters.databases import engine_of
from airflow_profile_provider.ledger.migrations import migrate
from airflow_profile_provider.ledger.packing import EARLIER_BYTES, Packing
from airflow_profile_provider.ledger.salt import FIELD_BYTES, Salt
from airflow_profile_provider.ledger.tables import ROW_BYTES

from . import schema_1
from .conftest import N
from .quick import FIELDS, QuickHook, push, written

SHAPE = "ocamba []"
FORK = multiprocessing.get_context("fork")


@pytest.fixture
def engine(store: dict[str, Any]) -> Iterator[Engine]:
    found = engine_of(Connection(conn_id="ledger", **store))
    yield found
    found.dispose()


def rows(**other: str) -> list[dict[str, Any]]:
    """Rows whose values are all the same, but for those named n3=…: another comment."""
    return [{"id": str(n), "comment": other.get(f"n{n}", "yes"), "name": "n"} for n in range(N)]


def asked(engine: Engine, query: str) -> list[Any]:
    with engine.begin() as connection:
        return [tuple(row) for row in connection.execute(text(query))]


def secret_of(engine: Engine) -> str:
    return str(asked(engine, "select value from profile_ledger_meta where name = 'key'")[0][0])


def aged(
    engine: Engine, records: list[dict[str, Any]], *, earlier: str = "", refused: str | None = None
) -> None:
    """Let the ledger hold what the package of schema 2 would, had it sent these records.

    ``earlier`` is kept of each among its fields, and ``refused`` the comment that was refused of each.
    """
    key = secret_of(engine)
    for record in records:
        sent = {"comment": record["comment"], "full_name": record["name"]}
        prints = {name: schema_1.field_print(name, value, SHAPE, key) for name, value in sent.items()}
        kept = {"fields": json.dumps(prints | ({"": earlier} if earlier else {})), "key": record["id"]}
        with engine.begin() as connection:
            query = "update profile_ledger set prints = null, fields = :fields where key = :key"
            connection.execute(text(query), kept)
            if refused is None:
                continue
            prints["comment"] = schema_1.field_print("comment", refused, SHAPE, key)
            whole = schema_1.whole_print(prints, SHAPE, key)
            query = "update profile_ledger set refused = :whole where key = :key and refusals > 0"
            connection.execute(text(query), {"whole": whole, "key": record["id"]})


def salted(engine: Engine) -> int:
    """How many entries hold salted fingerprints, and no others."""
    query = "select count(*) from profile_ledger where fields is null and prints is not null"
    return int(asked(engine, query)[0][0])


# -- what a copy of the ledger shows --------------------------------------------------------------------


def test_equal_values_of_two_records_have_different_fingerprints(ocamba: Ocamba, engine: Engine) -> None:
    push(rows())
    packing, found = Packing(engine), []
    for (prints,) in asked(engine, "select prints from profile_ledger"):
        fields, _ = packing.unpacked(bytes(prints))
        assert set(fields) == {"comment", "full_name"}
        found += fields.values()
    assert len(set(found)) == 2 * N
    assert len(set(asked(engine, "select row from profile_ledger"))) == N


def test_equal_changes_that_were_refused_or_may_arrive_have_different_ones(
    ocamba: Ocamba, engine: Engine
) -> None:
    ocamba.faults = [Fault(400, {"message": "no"}, key=str(n), times=None) for n in range(2)]
    push([{"id": str(n), "comment": "yes", "name": "n"} for n in range(3)])
    refused = [found for (found,) in asked(engine, "select refused from profile_ledger") if found]
    assert len(set(refused)) == 2


def test_a_fingerprint_is_the_keyed_hash_of_the_plain_one_and_the_key(ocamba: Ocamba, engine: Engine) -> None:
    """So that anybody can check what the pages say; and it stays what it is."""
    push(rows())
    secret = bytes.fromhex(secret_of(engine))
    plain = bytes.fromhex(schema_1.field_print("comment", "yes", SHAPE, secret.hex()))
    due = blake2b(b"7" + plain, key=secret, digest_size=8, person=b"field").digest()
    ((prints,),) = asked(engine, "select prints from profile_ledger where key = '7'")
    assert Packing(engine).unpacked(bytes(prints))[0]["comment"] == due[:5]


def test_a_secret_of_the_connection_is_what_counts(
    ocamba: Ocamba, store: dict[str, Any], engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_LEDGER", json.dumps({**store, "extra": {"fingerprint_key": "mine"}}))
    push(rows())
    ((prints,),) = asked(engine, "select prints from profile_ledger where key = '7'")
    plain = bytes.fromhex(schema_1.field_print("comment", "yes", SHAPE, b"mine".hex()))
    due = Salt(b"mine").fields("7", {"comment": plain})
    assert Packing(engine).unpacked(bytes(prints))[0].items() >= due.items()


# -- taking over ----------------------------------------------------------------------------------------


def _list(records: list[dict[str, Any]], folder: Path) -> Any:
    return records


def _parquet(records: list[dict[str, Any]], folder: Path) -> Any:
    schema = pa.schema([(name, pa.string()) for name in ("id", "comment", "name")])
    pq.write_table(pa.Table.from_pylist(records, schema), folder / "rows.parquet")
    return folder / "rows.parquet"


@pytest.mark.parametrize("source", [_list, _parquet])
def test_unchanged_rows_send_nothing_and_are_taken_over(
    ocamba: Ocamba, engine: Engine, tmp_path: Path, source: Any
) -> None:
    push(source(rows(), tmp_path))
    aged(engine, rows())
    plan = push(source(rows(), tmp_path), action="plan")
    assert (plan.unchanged, salted(engine)) == (N, 0), "a plan writes nothing"
    for _ in range(2):
        report = push(source(rows(), tmp_path))
        assert (report.unchanged, report.requests, salted(engine)) == (N, 0, N)
    sent = len(ocamba.requests)
    assert push(source(rows(n5="no"), tmp_path), changed_fields_only=True).unchanged == N - 1
    (request,) = ocamba.requests[sent:]
    assert request.json == {"comment": "no"}


def test_changed_rows_are_sent_and_taken_over_and_the_others_wait_for_their_turn(
    ocamba: Ocamba, engine: Engine
) -> None:
    push(rows())
    aged(engine, rows())
    sent = len(ocamba.requests)
    assert push(rows(n5="no")[4:6], changed_fields_only=True).pushed == 1
    assert ocamba.requests[sent].json == {"comment": "no"}
    assert salted(engine) == 2


def test_rows_whose_place_another_took_are_taken_over(ocamba: Ocamba, engine: Engine) -> None:
    twice = [row for n in range(N) for row in (rows(**{f"n{n}": "no"})[n], rows()[n])]
    push(twice)
    prints = asked(engine, "select key, prints from profile_ledger")
    earlier = {key: Packing(engine).unpacked(bytes(kept))[1] for key, kept in prints}
    for row in rows():
        aged(engine, [row], earlier=" ".join(map(bytes.hex, earlier[row["id"]])))
    for _ in range(2):
        report = push(twice)
        assert (report.requests, report.unchanged, report.superseded) == (0, N, N)
    assert salted(engine) == N


def test_refusals_of_old_go_on_being_counted(ocamba: Ocamba, engine: Engine) -> None:
    """Four of five: after the next one the record is set aside."""
    push(rows())
    ocamba.faults = [Fault(400, {"message": "no"}, key="2", times=None)]
    changed = rows(n2="poison")
    for number in range(4):
        assert push([changed[2], rows(n1=f"new {number}")[1]], run=str(number)).rejected == 1
    aged(engine, rows(n1="new 3"), refused="poison")
    assert push([changed[2], rows(n1="new 4")[1]], run="4").rejected == 1
    assert push([changed[2], rows(n1="new 5")[1]], run="5").quarantined == 1


def test_a_record_set_aside_of_old_stays_so(ocamba: Ocamba, engine: Engine) -> None:
    push(rows())
    ocamba.faults = [Fault(400, {"message": "no"}, key="2", times=None)]
    changed = rows(n2="poison")
    for number in range(5):
        push([changed[2], rows(n1=f"new {number}")[1]], run=str(number))
    aged(engine, rows(n1="new 4"), refused="poison")
    given: dict[str, Any] = {"key": "id", "fields": FIELDS, "ledger_conn_id": "ledger"}
    assert QuickHook().explain("2", changed, **given).ledger.refused_this
    sent = len(ocamba.requests)
    assert push(changed).quarantined == 1
    assert written(ocamba, sent) == ["1"], "the comment of 1 is another one"
    assert push(rows(n2="another poison")).rejected == 1


def test_a_change_of_old_that_may_still_arrive_is_known_again(ocamba: Ocamba, engine: Engine) -> None:
    """It was acknowledged: while nothing else can arrive, it is not sent again."""
    push(rows())
    prints = {"comment": "yes", "full_name": "n"}
    key = secret_of(engine)
    plain = {name: schema_1.field_print(name, value, SHAPE, key) for name, value in prints.items()}
    whole = schema_1.whole_print(plain, SHAPE, key)
    for sent, due in ((whole, N), (f"!{whole}", N - 1), ("*", N - 1)):
        aged(engine, rows())
        with engine.begin() as connection:
            query = "update profile_ledger set sent = :sent, doubt = 9999999999999 where key = '3'"
            connection.execute(text(query), {"sent": sent})
        assert push(rows(), action="plan").unchanged == due


def _push_and_die(after: int) -> None:
    left = [after]

    def step(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        left[0] -= "INSERT INTO profile_ledger" in statement or "COMMIT" in statement
        if left[0] < 0:
            os.kill(os.getpid(), signal.SIGKILL)

    event.listen(Engine, "before_cursor_execute", step)
    push(rows(), run="dies")


def test_a_kill_while_it_is_taken_over_loses_nothing(
    ocamba: Ocamba, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("airflow_profile_provider.ledger.session.LOOKED_UP_AT_ONCE", 4)
    push(rows())
    aged(engine, rows())
    taken, endings = [], []
    for after in range(0, 60, 2):
        child = FORK.Process(target=_push_and_die, args=(after,))
        child.start()
        child.join()
        endings.append(child.exitcode)
        taken.append(salted(engine))
        if child.exitcode == 0:
            break
    assert endings == [-signal.SIGKILL] * (len(endings) - 1) + [0]
    assert any(0 < number < N for number in taken), "some died in the middle"
    assert taken[-1] == N
    assert len(ocamba.requests) == N, "those of the first push"
    assert push(rows(), run="dies").requests == 0


# -- packing --------------------------------------------------------------------------------------------

digests = st.binary(min_size=FIELD_BYTES, max_size=FIELD_BYTES)
places = st.binary(min_size=EARLIER_BYTES, max_size=EARLIER_BYTES)


@pytest.fixture(scope="module")
def packing(tmp_path_factory: pytest.TempPathFactory) -> Packing:
    engine = create_engine(f"sqlite:///{tmp_path_factory.mktemp('packing') / 'ledger.db'}")
    assert migrate(engine)
    return Packing(engine)


@settings(deadline=None, max_examples=60)
@given(fields=st.dictionaries(st.text(), digests, max_size=9), earlier=st.lists(places, max_size=5))
def test_what_is_unpacked_is_what_was_packed(
    packing: Packing, fields: dict[str, bytes], earlier: list[bytes]
) -> None:
    assert packing.unpacked(packing.packed(fields, earlier)) == (fields, tuple(earlier))


def test_names_of_any_kind_and_number_are_kept_in_either_database(engine: Engine) -> None:
    assert migrate(engine)
    names = ["\0linked", "\ud800", "'; drop", "", "x" * 10_000, *map(str, range(300))]
    fields = {name: number.to_bytes(FIELD_BYTES) for number, name in enumerate(names)}
    one, other = Packing(engine), Packing(engine)
    kept = one.packed(fields, [])
    assert len(kept) == 1 + FIELD_BYTES * len(names)
    assert other.unpacked(kept) == (fields, ())


def test_two_pushes_that_name_fields_at_once_understand_each_other(engine: Engine) -> None:
    assert migrate(engine)
    one, other = Packing(engine), Packing(engine)
    first = one.packed({"a": b"0" * 5}, [])
    second = other.packed({"b": b"1" * 5, "a": b"2" * 5}, [b"3" * 6])
    third = one.packed({"b": b"4" * 5, "c": b"5" * 5}, [])
    for packing in (one, other, Packing(engine)):
        assert packing.unpacked(first)[0] == {"a": b"0" * 5}
        assert packing.unpacked(second) == ({"b": b"1" * 5, "a": b"2" * 5}, (b"3" * 6,))
        assert packing.unpacked(third)[0] == {"b": b"4" * 5, "c": b"5" * 5}


def test_an_entry_of_four_fields_takes_less_than_seventy_bytes(ocamba: Ocamba, tmp_path: Path) -> None:
    """Its key takes 8 of them, and each page a few for itself."""
    from airflow_profile_provider.ledger.entry import Entry
    from airflow_profile_provider.ledger.ledger import Ledger

    path, number = tmp_path / "sizes.db", 5000
    ledger = Ledger(create_engine(f"sqlite:///{path}"), "x:size", "id")
    before = path.stat().st_size
    ledger.acknowledge(
        [
            Entry(f"{n:08}", os.urandom(ROW_BYTES), {name: os.urandom(FIELD_BYTES) for name in "abcd"})
            for n in range(number)
        ]
    )
    ledger.close()
    with sqlite3.connect(path, isolation_level=None) as connection:
        connection.execute("vacuum")
    assert (path.stat().st_size - before) / number < 70, (path.stat().st_size - before) / number
