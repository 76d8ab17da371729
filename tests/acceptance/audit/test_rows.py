"""Rows that are wrong, come twice, or are old; whatever becomes of them, the counts add up."""

from __future__ import annotations

import json
from typing import Any

import pytest
from standins import AgileNow

from airflow_profile_provider.hooks.agilenow import AgileNowHook

from .scene import NUMBER, Scene


def test_the_last_of_several_rows_is_compared(ocamba: Scene) -> None:
    ocamba.push()
    rows = [{**ocamba.rows[0], "name": "Before"}, *ocamba.rows]
    assert ocamba.push(rows, action="audit") == {"verified": NUMBER, "superseded": 1}
    ocamba.edit(0)
    assert ocamba.push(rows, action="audit") == {"verified": NUMBER - 1, "drifted": 1, "superseded": 1}
    assert ocamba.push(rows, action="repair") == {"verified": NUMBER - 1, "pushed": 1, "superseded": 1}
    assert ocamba.push(action="audit") == {"verified": NUMBER}


def test_rows_that_are_changes_are_compared_for_the_fields_that_they_name(ocamba: Scene) -> None:
    ocamba.push()
    ocamba.edit(1, 2)
    changes: list[dict[str, Any]] = [
        {"key": ocamba.keys[0], "fields": {"full_name": "Name 0"}},
        {"key": ocamba.keys[1], "fields": {"email": "Person.1@Example.com"}},
        {"key": ocamba.keys[2], "fields": {"full_name": "Name 2"}},
        {"key": ocamba.keys[2], "fields": {"email": "person.2@example.com"}},
        {"key": "no such id", "fields": {"email": "person.2@example.com"}},
        {"key": ocamba.keys[3], "fields": {"email": 5}},
    ]
    found = ocamba.push(changes, key=None, fields=None, action="audit")
    assert found == {"verified": 2, "drifted": 1, "superseded": 1, "missing": 1, "invalid": 1}


def test_a_row_older_than_what_the_ledger_has_is_not_compared(ocamba: Scene) -> None:
    new = [{**row, "at": 2} for row in ocamba.rows[:3]]
    old = [{**row, "at": 1, "name": "Old"} for row in ocamba.rows[:3]]
    ocamba.push(new, version="at")
    assert ocamba.push(old, version="at", action="audit") == {"superseded": 3}
    assert ocamba.push(new, version="at", action="audit") == {"verified": 3}


def test_a_cleared_field_is_verified_where_the_vendor_shows_nothing(ocamba: Scene) -> None:
    rows = [{**row, "name": None} for row in ocamba.rows[:5]]
    ocamba.push(rows, nulls="clear")
    assert ocamba.push(rows, nulls="clear", action="audit") == {"verified": 5}
    ocamba.edit(2)
    assert ocamba.push(rows, nulls="clear", action="audit") == {"verified": 4, "drifted": 1}


def test_a_source_that_breaks_is_repaired_in_nothing(ocamba: Scene) -> None:
    from airflow_profile_provider.errors import PushStopped

    ocamba.push()
    ocamba.edit(0)
    ocamba.writes()

    def rows() -> Any:
        yield from ocamba.rows[:10]
        raise OSError("the disk")

    with pytest.raises(PushStopped) as stopped:
        ocamba.push(rows(), action="repair")
    assert stopped.value.report is not None
    assert (stopped.value.report.verified, stopped.value.report.drifted) == (9, 1)
    assert ocamba.writes() == 0


def test_a_value_that_the_vendor_answered_in_anothers_place_has_not_drifted(
    ocamba: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """This vendor writes first names in small letters, which no rule could foresee."""
    with AgileNow({str(n): {"FirstName": "", "LastName": ""} for n in range(5)}) as vendor:
        hook = _agilenow(vendor, monkeypatch)
        rows = [{"id": str(n), "first": f"Ada {n}", "last": "Lovelace"} for n in range(5)]
        given: dict[str, Any] = {"key": "id", "fields": {"FirstName": "first", "LastName": "last"}}

        def run(**options: Any) -> Any:
            return hook.push(rows, **given, **options)

        run(ledger_conn_id="ledger")
        assert run(action="audit", ledger_conn_id="ledger").verified == 5
        assert run(action="audit").drifted == 5
        vendor.profiles["3"]["FirstName"] = "by hand"
        assert run(action="audit", ledger_conn_id="ledger").drifted == 1
        # Nor is it ignored where another field is pushed beside it, though it stays as it was.
        vendor.profiles["3"]["FirstName"] = "ada 3"
        rows[4]["last"] = "Byron"
        assert run(ledger_conn_id="ledger").pushed == 2
        assert run(action="audit", ledger_conn_id="ledger").verified == 5
        # What it once answered says nothing of another value.
        vendor.profiles["3"]["FirstName"] = "by hand"
        rows[0]["first"] = "Grace"
        assert run(action="audit", ledger_conn_id="ledger").drifted == 2


def _agilenow(vendor: AgileNow, monkeypatch: pytest.MonkeyPatch) -> AgileNowHook:
    """Connect to a vendor that writes first names in small letters."""
    vendor.lowers = {"FirstName"}
    connection = {"conn_type": "agilenow", "host": vendor.url, "login": vendor.login}
    connection |= {"password": vendor.secret, "extra": json.dumps({"quota": "none"})}
    monkeypatch.setenv("AIRFLOW_CONN_AGILENOW_DEFAULT", json.dumps(connection))
    return AgileNowHook()


def test_nor_has_one_that_was_answered_when_the_profile_was_created(
    ocamba: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    with AgileNow({}) as vendor:
        hook = _agilenow(vendor, monkeypatch)
        rows = [{"id": "ada", "first": "Ada", "last": "Lovelace", "mail": "ada@example.com"}]
        given: dict[str, Any] = {"key": "id", "key_type": "Username", "ledger_conn_id": "ledger"}
        given["fields"] = {"FirstName": "first", "LastName": "last", "Email": "mail"}
        assert hook.push(rows, mode="create", **given).created == 1
        assert hook.push(rows, action="audit", **given).verified == 1


def test_nor_has_one_that_was_answered_when_one_key_was_pushed_to_be_explained(
    ocamba: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    with AgileNow({"1": {"FirstName": "", "LastName": ""}}) as vendor:
        hook = _agilenow(vendor, monkeypatch)
        rows = [{"id": "1", "first": "Ada", "last": "Lovelace"}]
        given: dict[str, Any] = {"key": "id", "ledger_conn_id": "ledger"}
        given["fields"] = {"FirstName": "first", "LastName": "last"}
        assert hook.explain("1", rows, send=True, **given).deliveries[0].verdict == "pushed"
        assert hook.push(rows, action="audit", **given).verified == 1
        # Nor is it ignored where another field is pushed beside it.
        rows[0]["last"] = "Byron"
        assert hook.explain("1", rows, send=True, **given).deliveries[0].verdict == "pushed"
