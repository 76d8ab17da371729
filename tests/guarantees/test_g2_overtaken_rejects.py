"""G2: of what was not delivered, a replay sends only what no later change of its key has brought since."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from airflow_profile_provider.hooks.ocamba import OcambaHook
from airflow_profile_provider.reports import Report
from airflow_profile_provider.sandbox import Sandbox

from .outcome import push
from .rig import Rig

LONG = "old " * 100
MOST = 300
"""Bytes of a record: with a long value it is invalid, and pushed again without that bound it is not."""


@pytest.fixture
def ocamba(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Rig:
    """Ocamba alone: what is tried here is no vendor's own."""
    sandbox.reset()
    return Rig("ocamba", sandbox, monkeypatch.setenv)


def names_of(rig: Rig) -> tuple[str, str]:
    """Two fields that take any words."""
    first, second, *_ = rig.texts
    return first, second


def lines(folder: Path) -> list[dict[str, Any]]:
    """The rejects file."""
    path = folder / "rejects.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def apart(rig: Rig, *changes: dict[str, Any]) -> list[dict[str, Any]]:
    """Changes with so many of others between them that none is laid over the one before."""
    others = [rig.change(key, "between") for key in rig.all_keys()[5:25]]
    spread = [one for change, _ in pairwise([*changes, {}]) for one in (change, *others)]
    return spread[: -len(others)]


@pytest.fixture(autouse=True)
def _narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("airflow_profile_provider.push.push.WINDOW", 4)


def test_g2_an_older_row_that_was_invalid_does_not_undo_a_newer_one(rig: Rig, tmp_path: Path) -> None:
    """At every vendor: its line stays, to say what was wrong, without what came later."""
    key = rig.all_keys()[0]
    outcome = push(rig, [rig.change(key, LONG), rig.change(key, "new")], tmp_path, max_record_bytes=MOST)
    assert outcome.counts() == {"pushed": 1, "invalid": 1}
    (line,) = lines(tmp_path)
    assert (line["key"], line["fields"], line["verdict"], line["position"]) == (key, {}, "invalid", 1)
    rig.hook.push(tmp_path / "rejects.jsonl")
    assert rig.held()[key] == "new"


@pytest.mark.parametrize("ledger", [False, True], ids=["no ledger", "a ledger"])
def test_g2_a_mapped_row_keeps_the_columns_that_no_later_one_brought(
    ocamba: Rig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ledger: bool
) -> None:
    """The columns of the key and of what was not brought stay, and are pushed again."""
    monkeypatch.setenv(
        "AIRFLOW_CONN_LEDGER", json.dumps({"conn_type": "sqlite", "host": str(tmp_path / "l.db")})
    )
    first, second = names_of(ocamba)
    key = ocamba.all_keys()[0]
    path = tmp_path / "rejects.jsonl"
    options: dict[str, Any] = {"key": "id", "fields": {first: "a", second: "b"}, "rejects_path": path}
    options |= {"ledger_conn_id": "ledger"} if ledger else {}
    rows = [{"id": key, "a": LONG, "b": "kept"}, {"id": key, "a": "new", "b": None}]
    for _ in range(2):  # the second time, the ledger knows that the vendor holds the later row
        report = ocamba.hook.push(rows, nulls="skip", max_record_bytes=MOST, **options)
        assert (report.pushed + report.unchanged, report.invalid) == (1, 1)
        assert [line["row"] for line in lines(tmp_path)] == [{"id": key, "b": "kept"}]
    assert report.unchanged == int(ledger)
    assert ocamba.hook.push(path, **options | {"rejects_path": None}).pushed == 1
    assert (ocamba.held(first)[key], ocamba.held(second)[key]) == ("new", "kept")


def test_g2_a_column_that_is_two_fields_stays_until_both_were_brought(ocamba: Rig, tmp_path: Path) -> None:
    """One that is the key or the version, too, stays for good."""
    first, second = names_of(ocamba)
    key = ocamba.all_keys()[0]
    path = tmp_path / "rejects.jsonl"
    rows = [
        {"id": key, "a": LONG, "v": 1},
        {
            "key": key,
            "fields": {first: "new"},
            "version": 2,
            "verdict": "failed",
            "reason": "",
            "position": 9,
        },
    ]
    fields = {first: "a", second: "a"}
    ocamba.hook.push(rows, key="id", fields=fields, version="v", max_record_bytes=MOST, rejects_path=path)
    assert [line["row"] for line in lines(tmp_path)] == [rows[0]]


@pytest.mark.parametrize(("versions", "stays"), [((2, 1), True), ((1, 2), False), (("?", 2), True)])
def test_g2_a_newer_version_that_was_not_delivered_stays_as_it_is(
    ocamba: Rig, tmp_path: Path, versions: tuple[Any, Any], stays: bool
) -> None:
    """Whether it was invalid or refused: it is the newest, also where it came first."""
    keys = ocamba.all_keys()
    first, second = versions
    rows = [
        ocamba.change(keys[0], LONG) | {"version": first},
        ocamba.change(keys[0], "b") | {"version": second},
    ]
    outcome = push(ocamba, rows, tmp_path, max_record_bytes=MOST)
    assert [bool(line["fields"]) for line in outcome.rejects or ()] == [stays]
    if first == "?":
        return
    rows = [
        ocamba.change(keys[1], "a") | {"version": first},
        ocamba.change(keys[1], "b") | {"version": second},
    ]
    ocamba.fault_of_writes(keys[1], "status", status=422, times=1)
    outcome = push(ocamba, apart(ocamba, *rows), tmp_path)
    assert len(outcome.rejects or ()) == int(stays)
    assert outcome.report.superseded == int(not stays)


def test_g2_a_row_behind_an_acknowledged_one_stays_as_it_is(ocamba: Rig, tmp_path: Path) -> None:
    """What is invalid is known before what came earlier is sent, and is the newer one all the same."""
    key = ocamba.all_keys()[0]
    outcome = push(
        ocamba, [ocamba.change(key, "a"), ocamba.change(key, LONG)], tmp_path, max_record_bytes=MOST
    )
    assert [line["fields"] for line in outcome.rejects or ()] == [{ocamba.field: LONG}]


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    drawn=st.lists(
        st.tuples(st.sets(st.integers(0, 1), min_size=1), st.sampled_from(["sent", "refused", "invalid"])),
        min_size=2,
        max_size=6,
    )
)
def test_g2_whatever_was_refused_before_what_was_not(
    ocamba: Rig, tmp_path: Path, drawn: list[tuple[set[int], str]]
) -> None:
    """Several of one key that were not delivered, overtaken bit by bit, never undo what came after them."""
    ocamba.sandbox.reset()
    names, key = names_of(ocamba), ocamba.all_keys()[0]
    expected: dict[str, Any] = dict(ocamba.sandbox.profiles("ocamba")[key])
    for number, (some, fate) in enumerate(drawn):
        fields = {names[one]: f"v{number} {LONG if fate == 'invalid' else ''}".strip() for one in some}
        change = {"key": key, "fields": fields}
        drawn[number] = change  # type: ignore[call-overload]
        if fate == "refused":
            ocamba.fault("status", key=key, status=422, times=1)
        expected |= fields
    outcome: Report = push(ocamba, apart(ocamba, *drawn), tmp_path, max_record_bytes=MOST).report  # type: ignore[arg-type]
    assert outcome.complete
    OcambaHook().push(tmp_path / "rejects.jsonl", if_empty="ok") if lines(tmp_path) else None
    assert ocamba.sandbox.profiles("ocamba")[key] == expected
