"""Relationships are compared where the vendor shows them, and never taken for verified where it does not."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from standins import Lightfield

from airflow_profile_provider.hooks.lightfield import LightfieldHook

ROWS = [{"id": "acc_1", "name": "Acme", "owner": "mem_1"}, {"id": "acc_2", "name": "Bolt", "owner": "mem_2"}]
OWNER = {"$owner": {"replace": "owner"}}
MAPPED: dict[str, Any] = {"key": "id", "fields": {"$name": "name"}, "relationships": OWNER}


class Silent(Lightfield):
    """Shows nothing of relationships."""

    def _record(self, key: str) -> dict[str, Any]:
        record = super()._record(key)
        del record["relationships"]
        return record


@contextmanager
def serving(
    vendor: type[Lightfield], setenv: Callable[[str, str], None], folder: Path
) -> Iterator[Lightfield]:
    """Two accounts as the source has them, a connection, and a ledger."""
    ledger = {"conn_type": "sqlite", "host": str(folder / "ledger.db")}
    setenv("AIRFLOW_CONN_LEDGER", json.dumps(ledger))
    with vendor({"acc_1": {"$name": "Acme"}, "acc_2": {"$name": "Bolt"}}) as running:
        running.links = {"acc_1": {"$owner": ["mem_1"]}, "acc_2": {"$owner": ["mem_2"]}}
        connection = {"conn_type": "lightfield", "host": running.url, "password": running.secret}
        connection |= {"extra": {"quota": "none", "concurrency": 1}}
        setenv("AIRFLOW_CONN_LIGHTFIELD_DEFAULT", json.dumps(connection))
        yield running


@pytest.fixture
def lightfield(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Lightfield]:
    with serving(Lightfield, monkeypatch.setenv, tmp_path) as vendor:
        yield vendor


@pytest.fixture
def silent(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Lightfield]:
    with serving(Silent, monkeypatch.setenv, tmp_path) as vendor:
        yield vendor


def push(rows: Any = ROWS, **options: Any) -> Any:
    return LightfieldHook().push(rows, **{**MAPPED, **options})


def audited(folder: Path, rows: Any = ROWS, **options: Any) -> list[Any]:
    """The verdicts of an audit, and what differs where something does."""
    path = folder / "audit.jsonl"
    report = push(rows, action="audit", audit_path=str(path), **options)
    found = [json.loads(line) for line in path.read_text().splitlines()]
    return [report.verified, [(line["key"], line["fields"]) for line in found]]


def changed(*operations: dict[str, Any], key: str = "acc_1") -> list[dict[str, Any]]:
    """Changes of one account's contacts, one after the other."""
    return [{"key": key, "fields": {}, "relationships": {"$contact": each}} for each in operations]


def test_what_is_linked_as_the_source_says_is_verified(lightfield: Lightfield, tmp_path: Path) -> None:
    assert audited(tmp_path) == [2, []]
    assert lightfield.writes == []


def test_a_link_that_was_changed_by_hand_is_named(lightfield: Lightfield, tmp_path: Path) -> None:
    lightfield.links["acc_1"]["$owner"] = ["mem_9"]
    assert audited(tmp_path) == [1, [("acc_1", ["relationship $owner"])]]


def test_a_link_that_was_taken_away_is_named(lightfield: Lightfield, tmp_path: Path) -> None:
    lightfield.links["acc_1"] = {}
    assert audited(tmp_path) == [1, [("acc_1", ["relationship $owner"])]]


def test_values_of_links_are_in_the_file_only_for_who_asked(lightfield: Lightfield, tmp_path: Path) -> None:
    lightfield.links["acc_1"]["$owner"] = ["mem_9"]
    audited(tmp_path, audit_values=True)
    (line,) = map(json.loads, (tmp_path / "audit.jsonl").read_text().splitlines())
    shown = {"source": {"replace": "mem_1"}, "vendor": ["mem_9"]}
    assert line["values"] == {"relationship $owner": shown}


@pytest.mark.parametrize(
    ("operation", "right"),
    [
        ({"add": ["con_1"]}, True),
        ({"add": ["con_3"]}, False),
        ({"remove": ["con_3"]}, True),
        ({"remove": ["con_1"]}, False),
        ({"replace": ["con_2", "con_1"]}, True),
        ({"replace": ["con_1"]}, False),
        ({"replace": None}, False),
    ],
)
def test_each_operation_is_held_against_what_is_linked(
    operation: dict[str, Any], right: bool, lightfield: Lightfield, tmp_path: Path
) -> None:
    lightfield.links["acc_1"]["$contact"] = ["con_1", "con_2"]
    given = {"key": None, "fields": None, "relationships": None}
    verified, found = audited(tmp_path, changed(operation), **given)
    assert (verified, found) == ((1, []) if right else (0, [("acc_1", ["relationship $contact"])]))


@pytest.mark.parametrize(
    ("operations", "linked"),
    [
        ([{"replace": ["con_1"]}, {"add": ["con_2"]}], ["con_1", "con_2"]),
        ([{"replace": ["con_1", "con_2"]}, {"remove": ["con_2"]}], ["con_1"]),
        ([{"add": ["con_1"]}, {"remove": ["con_1"]}], ["con_5"]),
        ([{"remove": ["con_1"]}, {"add": ["con_1"]}], ["con_1"]),
        ([{"add": ["con_7"]}, {"replace": "con_1"}], ["con_1"]),
    ],
)
def test_changes_of_one_profile_are_laid_together(
    operations: list[dict[str, Any]], linked: list[str], lightfield: Lightfield, tmp_path: Path
) -> None:
    lightfield.links["acc_1"]["$contact"] = linked
    given = {"key": None, "fields": None, "relationships": None}
    assert audited(tmp_path, changed(*operations), **given) == [1, []]


def test_a_repair_sends_the_link_that_was_changed(lightfield: Lightfield) -> None:
    lightfield.links["acc_1"]["$owner"] = ["mem_9"]
    report = push(action="repair")
    assert (report.pushed, report.verified) == (1, 1)
    assert lightfield.links["acc_1"]["$owner"] == ["mem_1"]


def test_what_was_verified_is_not_sent_by_the_next_push(lightfield: Lightfield, tmp_path: Path) -> None:
    audited(tmp_path, ledger_conn_id="ledger")
    assert push(ledger_conn_id="ledger").unchanged == 2
    assert lightfield.writes == []


def test_a_link_that_drifted_is_sent_by_the_next_push(lightfield: Lightfield, tmp_path: Path) -> None:
    lightfield.links["acc_1"]["$owner"] = ["mem_9"]
    audited(tmp_path, ledger_conn_id="ledger")
    report = push(ledger_conn_id="ledger")
    assert (report.pushed, report.unchanged) == (1, 1)
    assert lightfield.links["acc_1"]["$owner"] == ["mem_1"]


def test_links_that_are_not_shown_are_not_taken_into_the_ledger(silent: Lightfield, tmp_path: Path) -> None:
    """An audit that saw nothing of them must not keep the first push from sending them."""
    assert audited(tmp_path, ledger_conn_id="ledger") == [2, []]
    assert push(ledger_conn_id="ledger").pushed == 2


def test_the_log_says_that_links_were_not_compared(
    silent: Lightfield, capfd: pytest.CaptureFixture[str]
) -> None:
    push(action="audit")
    assert "showed profiles without their relationships: these were not compared" in "".join(
        capfd.readouterr()
    )


def test_a_change_of_links_alone_that_are_not_shown_cannot_be_verified(silent: Lightfield) -> None:
    report = push(fields={}, action="audit")
    assert (report.verified, report.failed) == (0, 2)
