"""Communifire: AddUser as the mode says, identifiers apart from fields, values as its page shows them."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from standins import Fault

from .bench import Bench, counts
from .conftest import OpenBench


@pytest.fixture
def bench(open_bench: OpenBench) -> Bench:
    return open_bench("communifire")


NEW = {"key": "new@example.com", "fields": {"Company": "Axero"}}


def asked(bench: Bench) -> list[str | None]:
    """What each request said of AddUser; None where it was left out."""
    return [request.query.get("AddUser") for request in bench.stand_in.writes]


def test_a_request_is_as_the_page_shows_it(bench: Bench) -> None:
    bench.hold(1)
    bench.push([bench.change(1, Company="Axero", **{"Share my profile": "false"})])
    (write,) = bench.stand_in.writes
    assert write.json == {"UserID": "201", "Company": "Axero", "Share my profile": "false"}
    assert write.headers["rest-api-key"] == bench.stand_in.secret
    assert write.headers["content-type"].startswith("application/json")


def test_a_bearer_token_goes_where_bearer_tokens_go(bench: Bench) -> None:
    bench.stand_in.bearer = True
    bench.connect(extra={"auth_scheme": "bearer"})
    bench.hold(1)
    assert counts(bench.push(bench.changes(1))) == {"pushed": 1}
    assert "rest-api-key" not in bench.stand_in.writes[0].headers


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
def test_values_are_written_as_text(bench: Bench, value: Any, written: str) -> None:
    bench.hold(1)
    assert counts(bench.push([bench.change(1, Phone=value)])) == {"pushed": 1}
    assert bench.holds(1)["Phone"] == written


def test_a_date_is_written_as_iso_8601(bench: Bench) -> None:
    bench.hold(1)
    bench.push([bench.change(1, Birthday=dt.date(1815, 12, 10))])
    assert bench.holds(1)["Birthday"].startswith("1815-12-10")


def test_integer_ids_come_from_a_typed_column(bench: Bench, tmp_path: Path) -> None:
    bench.hold(1)
    path = bench.write_file(tmp_path / "rows.parquet", [{"id": int(bench.sample.key(1)), "company": "Axero"}])
    assert counts(bench.run(path, key="id", fields={"Company": "company"}).report) == {"pushed": 1}
    assert bench.holds(1)["Company"] == "Axero"


def test_labels_keep_their_case_and_spaces(bench: Bench) -> None:
    bench.hold(1)
    bench.push([bench.change(1, **{"Reports to": "ada", "reports To": "bea"})])
    assert (bench.holds(1)["Reports to"], bench.holds(1)["reports To"]) == ("ada", "bea")


# -- identifiers among the fields ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["UserID", "Email", "Username"])
def test_an_identifier_among_the_fields_is_invalid(bench: Bench, name: str) -> None:
    bench.hold(1)
    report = bench.push([bench.change(1, Company="Axero", **{name: "17"})])
    assert counts(report) == {"invalid": 1}
    assert bench.stand_in.writes == []


def test_an_identifier_among_the_fields_may_be_allowed(bench: Bench) -> None:
    bench.hold(1)
    report = bench.push([bench.change(1, Email="new@example.com")], identifier_fields=True)
    assert counts(report) == {"pushed": 1}
    assert bench.holds(1)["Email"] == "new@example.com"


def test_the_key_itself_is_never_overwritten_by_a_field(bench: Bench) -> None:
    bench.hold(1, 2)
    report = bench.push([bench.change(1, UserID=bench.sample.key(2))], identifier_fields=True)
    assert counts(report) == {"invalid": 1}
    assert bench.stand_in.writes == []


# -- modes --------------------------------------------------------------------------------------------------


def test_update_never_adds(bench: Bench) -> None:
    report = bench.push([NEW], key_type="Email")
    assert counts(report) == {"rejected": 1}
    assert asked(bench) == ["false"]
    assert bench.stand_in.made == []


def test_upsert_adds_who_is_missing_and_updates_who_is_there(bench: Bench) -> None:
    bench.hold(1)
    changes = [NEW, {"key": "person1@example.com", "fields": {"Company": "Axero"}}]
    report = bench.push(changes, key_type="Email", mode="upsert")
    assert report.acknowledged == 2
    assert asked(bench) == [None, None] or asked(bench) == ["", ""]
    assert len(bench.stand_in.made) == 1
    assert bench.holds(1)["Company"] == "Axero"


def test_create_adds(bench: Bench) -> None:
    report = bench.push([NEW], key_type="Email", mode="create")
    assert counts(report) == {"created": 1}
    assert asked(bench) == ["true"]
    assert bench.stand_in.profiles["1001"] == {"Email": "new@example.com", "Company": "Axero"}


def test_create_of_somebody_who_is_there_is_rejected(bench: Bench) -> None:
    bench.hold(1)
    changes = [NEW, {"key": "person1@example.com", "fields": {"Company": "Axero"}}]
    report = bench.push(changes, key_type="Email", mode="create")
    assert counts(report) == {"created": 1, "rejected": 1}
    assert bench.holds(1)["Company"] == "Before"


def test_an_unknown_mode_is_an_error(bench: Bench) -> None:
    outcome = bench.run([NEW], mode="replace")
    assert outcome.for_good
    assert "mode" in str(outcome.error)


# -- G4: at most one create a key when an answer is lost ----------------------------------------------------


@pytest.mark.parametrize("mode", ["create", "upsert"])
@pytest.mark.parametrize(
    "fault", [Fault(drop=True), Fault(reset=True), Fault(500, "down")], ids=["lost answer", "reset", "500"]
)
def test_g4_at_most_one_create_a_key(bench: Bench, mode: str, fault: Fault) -> None:
    bench.hurry()
    bench.stand_in.faults = [fault]
    report = bench.push([NEW], key_type="Email", mode=mode)
    assert report.acknowledged == 1
    assert len(bench.stand_in.made) == 1
    assert bench.stand_in.profiles["1001"]["Company"] == "Axero"


def test_g4_an_unanswered_create_is_asked_after_before_it_is_repeated(bench: Bench) -> None:
    bench.stand_in.faults = [Fault(drop=True)]
    bench.push([NEW], key_type="Email", mode="create")
    assert asked(bench) == ["true", "false"]


def test_g4_a_create_that_never_arrived_is_repeated(bench: Bench) -> None:
    bench.stand_in.faults = [Fault(reset=True)]
    report = bench.push([NEW], key_type="Email", mode="create")
    assert counts(report) == {"created": 1}
    assert asked(bench) == ["true", "false", "true"]


def test_g4_a_timed_out_create(bench: Bench) -> None:
    bench.connect(extra={"timeout": 0.4})
    bench.stand_in.faults = [Fault(late=1.0)]
    report = bench.push([NEW], key_type="Email", mode="create")
    assert report.acknowledged == 1
    assert len(bench.stand_in.made) == 1


def test_g4_two_changes_of_a_new_key_make_one_user(bench: Bench) -> None:
    later = {"key": "new@example.com", "fields": {"Company": "Axero", "Phone": "1"}}
    bench.push([NEW, later], key_type="Email", mode="upsert")
    assert len(bench.stand_in.made) == 1
    assert bench.stand_in.profiles["1001"]["Phone"] == "1"


def test_a_429_before_a_create_is_no_lost_answer(bench: Bench) -> None:
    bench.stand_in.faults = [Fault(429, "slow down", {"Retry-After": "0"})]
    report = bench.push([NEW], key_type="Email", mode="create")
    assert counts(report) == {"created": 1}
    assert len(bench.stand_in.made) == 1
