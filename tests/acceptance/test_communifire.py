"""Communifire: AddUser as the mode says, identifiers apart from fields, values as its page shows them."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from standins import Fault

from airflow_profile_provider.push.push import WINDOW

from .conftest import OpenRig
from .rig import Rig, counts


@pytest.fixture
def rig(open_rig: OpenRig) -> Rig:
    return open_rig("communifire")


NEW = {"key": "new@example.com", "fields": {"Company": "Axero"}}


def asked(rig: Rig) -> list[str | None]:
    """What each request said of AddUser; None where it was left out."""
    return [request.query.get("AddUser") for request in rig.stand_in.writes]


def test_a_request_is_as_the_page_shows_it(rig: Rig) -> None:
    rig.hold(1)
    rig.push([rig.change(1, Company="Axero", **{"Share my profile": "false"})])
    (write,) = rig.stand_in.writes
    assert write.json == {"UserID": "201", "Company": "Axero", "Share my profile": "false"}
    assert write.headers["rest-api-key"] == rig.stand_in.secret
    assert write.headers["content-type"].startswith("application/json")


def test_a_bearer_token_goes_where_bearer_tokens_go(rig: Rig) -> None:
    rig.stand_in.bearer = True
    rig.connect(extra={"auth_scheme": "bearer"})
    rig.hold(1)
    assert counts(rig.push(rig.changes(1))) == {"pushed": 1}
    assert "rest-api-key" not in rig.stand_in.writes[0].headers


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (True, "true"),
        (False, "false"),
        (12, "12"),
        (Decimal("12.50"), "12.50"),
        (17430755068736100383, "17430755068736100383"),
        ("00012", "00012"),
    ],
)
def test_values_are_written_as_text(rig: Rig, value: Any, written: str) -> None:
    rig.hold(1)
    assert counts(rig.push([rig.change(1, Phone=value)])) == {"pushed": 1}
    assert rig.holds(1)["Phone"] == written


def test_a_date_is_written_as_iso_8601(rig: Rig) -> None:
    rig.hold(1)
    rig.push([rig.change(1, Birthday=dt.date(1815, 12, 10))])
    assert rig.holds(1)["Birthday"].startswith("1815-12-10")


def test_integer_ids_come_from_a_typed_column(rig: Rig, tmp_path: Path) -> None:
    rig.hold(1)
    path = rig.write_file(tmp_path / "rows.parquet", [{"id": int(rig.sample.key(1)), "company": "Axero"}])
    assert counts(rig.run(path, key="id", fields={"Company": "company"}).report) == {"pushed": 1}
    assert rig.holds(1)["Company"] == "Axero"


def test_labels_keep_their_case_and_spaces(rig: Rig) -> None:
    rig.hold(1)
    rig.push([rig.change(1, **{"Reports to": "ada", "reports To": "bea"})])
    assert (rig.holds(1)["Reports to"], rig.holds(1)["reports To"]) == ("ada", "bea")


# -- identifiers among the fields ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["UserID", "Email", "Username"])
def test_an_identifier_among_the_fields_is_invalid(rig: Rig, name: str) -> None:
    rig.hold(1)
    report = rig.push([rig.change(1, Company="Axero", **{name: "17"})])
    assert counts(report) == {"invalid": 1}
    assert rig.stand_in.writes == []


def test_an_identifier_among_the_fields_may_be_allowed(rig: Rig) -> None:
    rig.hold(1)
    report = rig.push([rig.change(1, Email="new@example.com")], identifier_fields=True)
    assert counts(report) == {"pushed": 1}
    assert rig.holds(1)["Email"] == "new@example.com"


def test_the_key_itself_is_never_overwritten_by_a_field(rig: Rig) -> None:
    rig.hold(1, 2)
    report = rig.push([rig.change(1, UserID=rig.sample.key(2))], identifier_fields=True)
    assert counts(report) == {"invalid": 1}
    assert rig.stand_in.writes == []


# -- modes --------------------------------------------------------------------------------------------------


def test_update_never_adds(rig: Rig) -> None:
    report = rig.push([NEW], key_type="Email")
    assert counts(report) == {"rejected": 1}
    assert asked(rig) == ["false"]
    assert rig.stand_in.made == []


def test_upsert_adds_who_is_missing_and_updates_who_is_there(rig: Rig) -> None:
    rig.hold(1)
    changes = [NEW, {"key": "person1@example.com", "fields": {"Company": "Axero"}}]
    report = rig.push(changes, key_type="Email", mode="upsert")
    assert report.acknowledged == 2
    assert asked(rig) == [None, None] or asked(rig) == ["", ""]
    assert len(rig.stand_in.made) == 1
    assert rig.holds(1)["Company"] == "Axero"


def test_create_adds(rig: Rig) -> None:
    report = rig.push([NEW], key_type="Email", mode="create")
    assert counts(report) == {"created": 1}
    assert asked(rig) == ["true"]
    assert rig.stand_in.profiles["1001"] == {"Email": "new@example.com", "Company": "Axero"}


def test_create_of_somebody_who_is_there_is_rejected(rig: Rig) -> None:
    rig.hold(1)
    changes = [NEW, {"key": "person1@example.com", "fields": {"Company": "Axero"}}]
    report = rig.push(changes, key_type="Email", mode="create")
    assert counts(report) == {"created": 1, "rejected": 1}
    assert rig.holds(1)["Company"] == "Before"


def test_an_unknown_mode_is_an_error(rig: Rig) -> None:
    outcome = rig.run([NEW], mode="replace")
    assert outcome.for_good
    assert "mode" in str(outcome.error)


# -- G4: at most one create a key when an answer is lost ----------------------------------------------------


@pytest.mark.parametrize("mode", ["create", "upsert"])
@pytest.mark.parametrize(
    "fault", [Fault(drop=True), Fault(reset=True), Fault(500, "down")], ids=["lost answer", "reset", "500"]
)
def test_g4_at_most_one_create_a_key(rig: Rig, mode: str, fault: Fault) -> None:
    rig.hurry()
    rig.stand_in.faults = [fault]
    report = rig.push([NEW], key_type="Email", mode=mode)
    assert report.acknowledged == 1
    assert len(rig.stand_in.made) == 1
    assert rig.stand_in.profiles["1001"]["Company"] == "Axero"


def test_g4_an_unanswered_create_is_asked_after_before_it_is_repeated(rig: Rig) -> None:
    rig.stand_in.faults = [Fault(drop=True)]
    rig.push([NEW], key_type="Email", mode="create")
    assert asked(rig) == ["true", "false"]


def test_g4_a_create_that_never_arrived_is_repeated(rig: Rig) -> None:
    rig.stand_in.faults = [Fault(reset=True)]
    report = rig.push([NEW], key_type="Email", mode="create")
    assert counts(report) == {"created": 1}
    assert asked(rig) == ["true", "false", "true"]


@pytest.mark.long
def test_g4_a_create_that_failed_is_asked_after_before_a_later_change_of_its_key(rig: Rig) -> None:
    """All of its answers were lost; the later change is read when it has failed already."""
    rig.hurry(attempts=2)
    rig.stand_in.faults = [Fault(drop=True), Fault(503, times=2)]
    others = [{"key": "other@example.com", "fields": {"Company": "Axero"}}] * (WINDOW - 1)
    later = {"key": "new@example.com", "fields": {"Company": "Later"}}
    report = rig.push([NEW, *others, later], key_type="Email", mode="create", concurrency=1)
    assert report.failed == 0
    assert asked(rig) == ["true", "false", "false", "true", "false"]
    assert rig.stand_in.profiles["1001"]["Company"] == "Later"


def test_g4_a_timed_out_create(rig: Rig) -> None:
    rig.connect(extra={"timeout": 0.4})
    rig.stand_in.faults = [Fault(late=1.0)]
    report = rig.push([NEW], key_type="Email", mode="create")
    assert report.acknowledged == 1
    assert len(rig.stand_in.made) == 1


def test_g4_two_changes_of_a_new_key_make_one_user(rig: Rig) -> None:
    later = {"key": "new@example.com", "fields": {"Company": "Axero", "Phone": "1"}}
    rig.push([NEW, later], key_type="Email", mode="upsert")
    assert len(rig.stand_in.made) == 1
    assert rig.stand_in.profiles["1001"]["Phone"] == "1"


def test_a_429_before_a_create_is_no_lost_answer(rig: Rig) -> None:
    rig.stand_in.faults = [Fault(429, "slow down", {"Retry-After": "0"})]
    report = rig.push([NEW], key_type="Email", mode="create")
    assert counts(report) == {"created": 1}
    assert len(rig.stand_in.made) == 1
