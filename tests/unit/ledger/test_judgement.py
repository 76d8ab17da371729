"""A row, a line of the rejects and `explain` are judged by one rule."""

from __future__ import annotations

import json
import sqlite3
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import Connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from standins import Communifire, Fault, Ocamba

from airflow_profile_provider.adapters.databases import engine_of
from airflow_profile_provider.errors import ConfigurationError
from airflow_profile_provider.hooks.communifire import CommunifireHook
from airflow_profile_provider.ledger.admin import LedgerAdmin
from airflow_profile_provider.records import Verdict, order_of

from .quick import FIELDS, QuickHook, connections, held, push, written


@pytest.fixture
def store(tmp_path: Path) -> dict[str, Any]:
    """Here one database will do."""
    return {"conn_type": "sqlite", "host": str(tmp_path / "ledger.db")}


def row(key: str, comment: str, version: Any = None) -> dict[str, Any]:
    return {"id": key, "comment": comment, "name": "n", **({} if version is None else {"v": version})}


def reject(folder: Path, key: str, comment: str, version: Any, **more: Any) -> Path:
    """A file of one line that a push wrote."""
    line = {"key": key, "key_type": "id", "fields": {"comment": comment}, "version": version, **more}
    line |= {"verdict": "failed", "reason": "no answer", "position": 1}
    path = folder / f"reject-{comment}.jsonl"
    path.write_text(json.dumps(line) + "\n")
    return path


def explained(records: Any, key: str, **options: Any) -> Any:
    given = {"key": "id", "fields": FIELDS, "ledger_conn_id": "ledger", **options}
    return QuickHook().explain(key, records, **given)


# -- which key is meant, and which version is newer -----------------------------------------------------


@pytest.mark.parametrize("version", ["v", None])
def test_an_older_reject_is_superseded_as_the_same_change_in_a_row_is(
    ocamba: Ocamba, tmp_path: Path, version: str | None
) -> None:
    """Case 12a."""
    push([row("1", "new", 5)], version="v")
    older = reject(tmp_path, "1", "stale", 3)
    assert explained(older, "1", version=version).rows[0].verdict is Verdict.SUPERSEDED
    report = push(older, version=version)
    assert (report.superseded, report.requests) == (1, 0)
    assert held(ocamba)["1"][0] == "new"
    newer = reject(tmp_path, "1", "newer", 6)
    assert push(newer, version=version).pushed == 1
    assert push([row("1", "new", 5)], version="v").superseded == 1
    assert held(ocamba)["1"][0] == "newer"


def test_a_reject_that_the_vendor_holds_is_unchanged_and_another_one_is_not(
    ocamba: Ocamba, tmp_path: Path
) -> None:
    """None of a mapped source's columns is in such a line: two lines are not alike for that."""
    one, other = (reject(tmp_path, "1", comment, None) for comment in ("one", "other"))
    assert [push(path).pushed for path in (one, other, one)] == [1, 1, 1]
    assert held(ocamba)["1"][0] == "one"
    assert push(one).unchanged == 1


def test_a_reject_that_is_set_aside_is_so_as_a_row_is(ocamba: Ocamba, tmp_path: Path) -> None:
    ocamba.faults = [Fault(400, {"message": "no"}, key="2", times=None)]
    poison = reject(tmp_path, "2", "poison", None)
    for number in range(5):
        push([row("1", f"new {number}")], run=str(number))
        changes = [json.loads(poison.read_text()), row("1", f"newer {number}")]
        push(changes, run=str(number))
    assert push(poison, run="6").quarantined == 1
    assert explained(poison, "2").rows[0].verdict is Verdict.QUARANTINED


# -- set aside now, and no longer -----------------------------------------------------------------------


def test_explain_says_no_more_that_a_record_is_set_aside_once_it_is_sent_again(
    ocamba: Ocamba, store: dict[str, Any]
) -> None:
    """Case 12b."""
    ocamba.faults = [Fault(400, {"message": "no"}, key="2", times=None)]
    for number in range(5):
        push([row("2", "poison"), row("1", f"new {number}")], run=str(number))
    assert explained([row("2", "poison")], "2").ledger.set_aside_until is not None
    with sqlite3.connect(store["host"]) as database:
        database.execute("update profile_ledger set refused_at = ?", [time.time() - 8 * 86400])
    found = explained([row("2", "poison")], "2")
    assert found.rows[0].verdict is Verdict.PLANNED
    assert found.as_dict()["ledger"]["set_aside_until"] is None
    admin = LedgerAdmin(engine_of(Connection(conn_id="ledger", **store)))
    (refused,) = admin.refused(admin.targets())
    assert refused.set_aside_until is None
    sent = len(ocamba.requests)
    push([row("2", "poison")])
    assert written(ocamba, sent) == ["2"]


INSTANTS = [  # each before the next
    "2026-11-20",
    "2026-11-21T08:00:00.000001",  # without an offset: UTC, in a window as in the ledger
    "2026-11-21T10:00:00.000002+01:00",
    "2026-11-21T09:00:00.000003Z",
    "2026-11-22",
]


@pytest.mark.parametrize("ledger", ["ledger", None])
@pytest.mark.parametrize("number", range(len(INSTANTS) - 1))
def test_instants_are_one_order_whatever_offset_they_are_written_with(
    ocamba: Ocamba, ledger: str | None, number: int
) -> None:
    older, newer = INSTANTS[number : number + 2]
    push([row("1", "new", newer), row("1", "old", older)], version="v", ledger_conn_id=ledger)
    assert held(ocamba)["1"][0] == "new"


def test_instants_a_microsecond_apart_are_told_apart() -> None:
    second = "2026-11-21T09:00:00"
    orders = [order_of(f"{second}.{micro:06d}Z") for micro in range(0, 10**6, 997)]
    assert [order[1] - orders[0][1] for order in orders if order and orders[0]] == [*range(0, 10**6, 997)]


# -- by which identifier a target is known --------------------------------------------------------------


@pytest.fixture
def people(monkeypatch: pytest.MonkeyPatch, store: dict[str, Any]) -> Iterator[Communifire]:
    """A site that knows a few people."""
    users = {str(n): {"Email": f"p{n}@example.com", "Company": ""} for n in range(1001, 1006)}
    with Communifire(users) as vendor:
        connection = {"conn_type": "communifire", "host": vendor.url, "password": vendor.secret}
        connection["extra"] = {"quota": "none"}
        monkeypatch.setenv("AIRFLOW_CONN_COMMUNIFIRE_DEFAULT", json.dumps(connection))
        monkeypatch.setenv("AIRFLOW_CONN_LEDGER", json.dumps(store))
        yield vendor


def push_people(records: list[dict[str, Any]], **options: Any) -> Any:
    given = {"key": "e", "fields": {"Company": "c"}, "ledger_conn_id": "ledger", **options}
    return CommunifireHook().push(records, **given)


def test_a_first_run_in_which_nothing_was_acknowledged_binds_no_identifier(people: Communifire) -> None:
    """Case 12d: the key type was forgotten, and every record was refused."""
    records = [{"e": f"p{n}@example.com", "c": "Acme"} for n in range(1001, 1006)]
    assert push_people(records).rejected == 5
    assert push_people(records, key_type="Email").pushed == 5
    assert {user["Company"] for user in people.profiles.values()} == {"Acme"}
    found = CommunifireHook().explain(
        "p1001@example.com", records, key="e", key_type="Email",
        fields={"Company": "c"}, ledger_conn_id="ledger",
    )  # fmt: skip
    assert found.rows[0].verdict is Verdict.UNCHANGED


def test_an_identifier_that_binds_is_refused_by_an_error_that_names_the_way_out(people: Communifire) -> None:
    push_people([{"e": "1001", "c": "Acme"}])
    forget = r"airflow profiles ledger forget --all .*communifire_default"
    with pytest.raises(ConfigurationError, match=forget):
        push_people([{"e": "p1001@example.com", "c": "x"}], key_type="Email")
    with pytest.raises(ConfigurationError, match=forget):
        CommunifireHook().explain(
            "p1001@example.com", [{"e": "p1001@example.com", "c": "x"}], key="e",
            key_type="Email", fields={"Company": "c"}, ledger_conn_id="ledger",
        )  # fmt: skip
    assert push_people([{"e": "1001", "c": "Acme"}]).unchanged == 1


def test_what_the_ledger_knows_by_two_identifiers_is_forgotten_by_both(
    people: Communifire, store: dict[str, Any]
) -> None:
    people.unknown_is = "zero"
    push_people([{"e": f"p{n}@example.com", "c": "Acme"} for n in range(1001, 1004)])
    push_people([{"e": f"p{n}@example.com", "c": "Acme"} for n in range(1001, 1006)], key_type="Email")
    admin = LedgerAdmin(engine_of(Connection(conn_id="ledger", **store)))
    both = admin.key_types_of("communifire_default")
    assert {target.key_type: target.entries for target in both} == {"UserID": 3, "Email": 5}
    with pytest.raises(ConfigurationError, match=r"by (Email, UserID|UserID, Email)"):
        admin.target("communifire_default")
    assert sum(admin.forget(target, None) for target in both) == 8
    assert admin.targets() == []


# -- any row, any ledger --------------------------------------------------------------------------------

KEYS = ("1", "2", "3")
ONE = st.fixed_dictionaries(
    {
        "key": st.sampled_from(KEYS),
        "comment": st.sampled_from(["a", "b", None]),
        "version": st.none() | st.integers(1, 3),
        "reject": st.booleans(),
        "refuse": st.booleans(),
    }
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(before=st.lists(ONE, max_size=6), now=st.lists(ONE, min_size=1, max_size=3), skip=st.booleans())
def test_what_explain_says_is_what_the_push_does(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path_factory: pytest.TempPathFactory,
    before: Any,
    now: Any,
    skip: bool,
) -> None:
    """Of rows and lines of rejects, with versions and without, whatever the ledger knows of the key."""
    store = {"conn_type": "sqlite", "host": str(tmp_path_factory.mktemp("ledger") / "ledger.db")}
    options: dict[str, Any] = {"version": "v", "nulls": "skip" if skip else "invalid"}
    with Ocamba({key: {"comment": ""} for key in KEYS}) as vendor:
        for name, value in connections(vendor, store).items():
            monkeypatch.setenv(name, value)
        for number, one in enumerate(before):
            vendor.faults = [Fault(400, {"message": "no"}, key="1")] if one["refuse"] else []
            push([_record(one)], run=str(number), **options)
        vendor.faults = []
        for key in KEYS:
            records = [_record(one) for one in now if one["key"] == key]
            if not records:
                continue
            said = explained(records, key, **options)
            sent = len(vendor.requests)
            report = push(records, **options)
            counts = Counter(one.verdict for one in said.rows)
            for verdict in (Verdict.INVALID, Verdict.UNCHANGED, Verdict.QUARANTINED):
                assert counts[verdict] == getattr(report, verdict)
            assert len(said.requests) == len(vendor.requests) - sent
            assert bool(counts[Verdict.PLANNED]) == bool(report.acknowledged)


def _record(one: dict[str, Any]) -> dict[str, Any]:
    if one["reject"]:
        line = {"key": one["key"], "key_type": "id", "fields": {"comment": one["comment"]}}
        line |= {"version": one["version"], "verdict": "failed", "reason": "x", "position": 1}
        return line
    return {"id": one["key"], "comment": one["comment"], "name": "n", "v": one["version"]}
