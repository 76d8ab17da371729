"""Profiles that are made where no profile matches: their vendors alone give ids, which are remembered."""

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from standins import Fault

from airflow_profile_provider.errors import ConfigurationError
from airflow_profile_provider.operators.agilenow import AgileNowPushProfilesOperator
from airflow_profile_provider.push.push import WINDOW
from airflow_profile_provider.vendors.creating import CreatesFound

from .conftest import OpenRig
from .rig import Rig, counts, registered, registration

KNOWN, UNKNOWN = range(90), range(90, 100)
BY = {"ocamba": ("email", "comment"), "lightfield": ("$name", "$linkedIn")}
"""By which field profiles are found, and a field that takes any text."""


@pytest.fixture(params=BY)
def rig(
    request: pytest.FixtureRequest, open_rig: OpenRig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Rig:
    rig = open_rig(request.param)
    rig.hurry()
    by, text = BY[request.param]
    for n in KNOWN:
        rig.stand_in.profiles[rig.sample.key(n)] = {by: named(n), text: "before"}
    ledger = {"conn_type": "sqlite", "host": str(tmp_path / "ledger.db")}
    monkeypatch.setenv("AIRFLOW_CONN_LEDGER", json.dumps(ledger))
    return rig


def named(number: int) -> str:
    return f"person{number}@example.com"


def push(rig: Rig, *numbers: int, mode: str = "upsert", said: str = "new", **options: Any) -> Any:
    """Push people by keys of our own; the field by which they are found is not among those that are sent."""
    by, text = BY[rig.conn_type]
    rows = [{"person": f"p{n}", "mail": named(n), "text": f"{said} {n}"} for n in numbers]
    given: dict[str, Any] = {"key": "person", "fields": {text: "text"}, "match": {by: "mail"}, "mode": mode}
    return rig.push(options.pop("rows", rows), ledger_conn_id="ledger", **{**given, **options})


def held(rig: Rig) -> list[tuple[str, str]]:
    """What each profile is found by, and what it holds; sorted."""
    by, text = BY[rig.conn_type]
    return sorted((fields[by], fields[text]) for fields in rig.stand_in.profiles.values())


def expected(*numbers: int, said: str = "new") -> list[tuple[str, str]]:
    return sorted((named(n), f"{said} {n}") for n in numbers)


@pytest.mark.parametrize("lost", [False, True], ids=["answered", "every create's answer lost"])
def test_an_upsert_updates_who_is_found_and_makes_who_is_not(rig: Rig, lost: bool) -> None:
    rig.stand_in.faults = [Fault(drop=True, on="create", times=None)] if lost else []
    report = push(rig, *KNOWN, *UNKNOWN, concurrency=1)
    assert counts(report) == {"pushed": 90, "created": 10}
    assert held(rig) == expected(*KNOWN, *UNKNOWN)


def test_who_was_made_is_remembered_and_looked_up_no_more(rig: Rig) -> None:
    push(rig, *UNKNOWN)
    before = len(rig.stand_in.requests)
    assert counts(push(rig, *UNKNOWN)) == {"unchanged": 10}
    assert len(rig.stand_in.requests) == before
    assert counts(push(rig, *UNKNOWN, said="newer")) == {"pushed": 10}
    asked = [request for request in rig.stand_in.requests[before:] if request.method == "GET"]
    assert [request.path for request in asked if "definitions" not in request.path] == []
    assert len(rig.stand_in.profiles) == 100


def test_a_create_whose_answers_were_all_lost_is_found_by_the_next_push(rig: Rig) -> None:
    rig.hurry(attempts=2)
    rig.stand_in.faults = [Fault(drop=True, on="create"), Fault(503, on="after", times=None)]
    first = push(rig, 95)
    assert counts(first) == {"failed": 1}
    rig.stand_in.faults = []
    assert counts(push(rig, 95)) == {"pushed": 1}
    assert len(rig.stand_in.profiles) == 91


@pytest.mark.long
def test_a_later_change_does_not_make_again_what_a_list_may_not_show_yet(rig: Rig) -> None:
    """The first one's create was lost, and has failed by the time at which the other is read."""
    if rig.conn_type != "lightfield":
        pytest.skip("Ocamba is asked before")
    rig.stand_in.lags = True  # type: ignore[attr-defined]
    rig.hurry(attempts=2)
    rig.stand_in.faults = [Fault(drop=True, on="create"), Fault(503, on="after")]
    rows = [{"person": "p95", "mail": named(95), "text": "first"}]
    rows += [{"person": "p1", "mail": named(1), "text": "filler"}] * (WINDOW - 1)
    rows += [{"person": "p95", "mail": named(95), "text": "last"}]
    report = push(rig, rows=rows, concurrency=1)
    assert report.failed == 2
    assert len(rig.stand_in.profiles) == 91
    rig.stand_in.lags = False  # type: ignore[attr-defined]
    assert counts(push(rig, rows=rows[-1:])) == {"pushed": 1}
    assert len(rig.stand_in.profiles) == 91


def test_every_vendor_that_makes_up_all_ids_is_tried() -> None:
    def rules(conn_type: str) -> Any:
        module, name = registration(conn_type)["hook-class-name"].rsplit(".", 1)
        return getattr(import_module(module), name).vendor_class

    assert set(BY) == {name for name in registered() if issubclass(rules(name), CreatesFound)}


def test_a_create_makes_new_ones_only(rig: Rig) -> None:
    assert counts(push(rig, 1, 95, mode="create")) == {"created": 1, "rejected": 1}
    assert counts(push(rig, 1, 95, mode="create", said="newer")) == {"rejected": 2}
    assert len(rig.stand_in.profiles) == 91


@pytest.mark.parametrize(("action", "other"), [("audit", "drifted"), ("repair", "pushed")])
def test_neither_an_audit_nor_a_repair_makes_anybody(rig: Rig, action: str, other: str) -> None:
    assert counts(push(rig, 1, 95, action=action)) == {other: 1, "missing": 1}
    assert len(rig.stand_in.profiles) == 90


def test_an_update_makes_nobody(rig: Rig) -> None:
    assert counts(push(rig, 1, 95, mode="update")) == {"pushed": 1, "rejected": 1}
    assert len(rig.stand_in.profiles) == 90


def test_what_is_made_of_a_part_of_a_change_is_whole(rig: Rig) -> None:
    """The ledger knows of fields that the vendor deleted along with the profile."""
    by, text = BY[rig.conn_type]
    more = {"ocamba": "full_name", "lightfield": "$website"}[rig.conn_type]

    def pushed(said: str) -> Any:
        site = "https://example.com"
        rows = [{"person": "p95", "mail": named(95), "text": said, "more": site}]
        return push(rig, rows=rows, fields={text: "text", more: "more"}, changed_fields_only=True)

    assert counts(pushed("new")) == {"created": 1}
    (key,) = [key for key, fields in rig.stand_in.profiles.items() if fields[by] == named(95)]
    before = rig.stand_in.profiles.pop(key)
    assert counts(pushed("newer")) == {"created": 1}
    (made,) = [fields for fields in rig.stand_in.profiles.values() if fields[by] == named(95)]
    assert made == {**before, text: "newer"}


def test_a_leaver_is_never_made(rig: Rig) -> None:
    """Who left the source, and whose profile the vendor deleted, is not made again to be told so."""
    by, text = BY[rig.conn_type]
    push(rig, 1, 95)
    (key,) = [key for key, fields in rig.stand_in.profiles.items() if fields[by] == named(95)]
    del rig.stand_in.profiles[key]
    report = push(rig, 1, on_absent={text: "gone"})
    assert counts(report) == {"unchanged": 1, "rejected": 1}
    assert len(rig.stand_in.profiles) == 90


def test_two_keys_of_one_person_make_one_profile(rig: Rig) -> None:
    rows = [{"person": key, "mail": named(95), "text": key} for key in ("a", "b")]
    report = push(rig, rows=rows, concurrency=4)
    assert counts(report) == {"created": 1, "rejected": 1}
    assert len(rig.stand_in.profiles) == 91


def test_what_a_creation_cannot_be_without_is_checked_before_it_is_sent(rig: Rig) -> None:
    other = {"ocamba": "full_name", "lightfield": "$website"}[rig.conn_type]
    report = push(rig, 95, match={other: "mail"})
    assert counts(report) == {"invalid": 1}
    assert "cannot be created without" in report.reasons[0].reason
    assert len(rig.stand_in.profiles) == 90


@pytest.mark.parametrize("mode", ["upsert", "create"])
def test_without_match_a_creation_is_refused_where_the_dag_is_parsed(rig: Rig, mode: str) -> None:
    fields = [BY[rig.conn_type][1]]
    with pytest.raises(ConfigurationError, match=f'mode="{mode}".*itself assigns each id.*match='):
        rig.operator_class(task_id="push", records="x.csv", key="id", fields=fields, mode=mode)


def test_a_vendor_that_creates_by_a_key_of_yours_takes_no_match() -> None:
    with pytest.raises(ConfigurationError, match='leave match out and use key_type="Username"'):
        AgileNowPushProfilesOperator(
            task_id="push",
            records="x.csv",
            key="id",
            fields=["FirstName"],
            match={"Email": "mail"},
            ledger_conn_id="ledger",
            mode="upsert",
        )


def test_an_answer_without_a_body_is_read_up(rig: Rig) -> None:
    if rig.conn_type != "ocamba":
        pytest.skip("of Ocamba's page, one generation")
    rig.stand_in.silent = True  # type: ignore[attr-defined]
    assert counts(push(rig, 95)) == {"created": 1}
    assert counts(push(rig, 95, said="newer")) == {"pushed": 1}
    assert len(rig.stand_in.profiles) == 91
