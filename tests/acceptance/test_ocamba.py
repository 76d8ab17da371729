"""Ocamba Hood: seven fields, 204 and nothing else, ids of 19 or 20 digits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from standins import Fault

from .conftest import OpenRig
from .rig import Rig, counts


@pytest.fixture
def rig(open_rig: OpenRig) -> Rig:
    return open_rig("ocamba")


SEVEN: dict[str, Any] = {
    "email": "a@example.com",
    "mobile_phone_number": "+49658245684",
    "full_name": "Ada",
    "organization_id": "1000",
    "lists": ["1000102"],
    "comment": "new",
    "custom_properties": {"clicker": "1"},
}


def test_a_request_is_as_the_page_shows_it(rig: Rig) -> None:
    rig.hold(1)
    assert counts(rig.push([rig.change(1, **SEVEN)])) == {"pushed": 1}
    (write,) = rig.stand_in.writes
    assert (write.method, write.path) == ("PATCH", f"/v1/hood/profiles/{rig.sample.key(1)}")
    assert write.json == SEVEN
    assert write.headers["authorization"] == f"Bearer {rig.stand_in.secret}"


@pytest.mark.parametrize("name", ["age", "Email", "id", "status"])
def test_an_eighth_field_is_refused_before_sending(rig: Rig, name: str) -> None:
    rig.hold(1)
    assert counts(rig.push([rig.change(1, full_name="Ada", **{name: "x"})])) == {"invalid": 1}
    assert rig.stand_in.writes == []


@pytest.mark.parametrize(
    "fields",
    [
        {"email": 17},
        {"full_name": ["Ada"]},
        {"lists": "1000102"},
        {"lists": [{"id": "1000102"}]},
        {"custom_properties": "clicker"},
        {"custom_properties": ["clicker"]},
        {"comment": True},
    ],
    ids=str,
)
def test_a_field_of_the_wrong_type_is_invalid(rig: Rig, fields: dict[str, Any]) -> None:
    rig.hold(1)
    assert counts(rig.push([rig.change(1, **fields)])) == {"invalid": 1}
    assert rig.stand_in.writes == []


def test_a_200_is_not_the_documented_204(rig: Rig) -> None:
    rig.hold(1)
    rig.hurry()
    rig.stand_in.faults = [Fault(200, "<html></html>", {"Content-Type": "text/html"}, times=None)]
    report_or_stop = rig.run(rig.changes(1), max_failed=1)
    assert counts(report_or_stop.report).get("pushed", 0) == 0


@pytest.mark.parametrize("key", ["17430755068736100383", 17430755068736100383])
def test_ids_beyond_64_bits_keep_their_digits(rig: Rig, key: Any) -> None:
    rig.stand_in.profiles["17430755068736100383"] = {}
    assert counts(rig.push([{"key": key, "fields": {"comment": "new"}}])) == {"pushed": 1}


def test_ids_keep_their_digits_from_every_format(rig: Rig, tmp_path: Path) -> None:
    rig.hold(383)
    for name in ("rows.jsonl", "rows.csv", "rows.parquet"):
        rows = [{"id": int(rig.sample.key(383)) if name == "rows.jsonl" else rig.sample.key(383), "c": name}]
        path = rig.write_file(tmp_path / name, rows)
        outcome = rig.run(path, key="id", fields={"comment": "c"})
        assert counts(outcome.report) == {"pushed": 1}
        assert rig.holds(383)["comment"] == name


def test_csv_text_is_parsed_to_the_fields_types(rig: Rig, tmp_path: Path) -> None:
    rig.hold(1)
    path = tmp_path / "rows.csv"
    path.write_text(
        "id,full_name,organization_id,lists,custom_properties\n"
        f'{rig.sample.key(1)},17,1000,"[""1000102"", ""1000103""]","{{""clicker"": ""1""}}"\n'
    )
    names = ["full_name", "organization_id", "lists", "custom_properties"]
    assert counts(rig.run(str(path), key="id", fields=names).report) == {"pushed": 1}
    assert rig.stand_in.writes[0].json == {
        "full_name": "17",
        "organization_id": "1000",
        "lists": ["1000102", "1000103"],
        "custom_properties": {"clicker": "1"},
    }


@pytest.mark.parametrize("key", ["../users", "17/merge/18", "17?x=1"])
def test_a_key_never_changes_the_path(rig: Rig, key: str) -> None:
    report = rig.push([{"key": key, "fields": {"comment": "new"}}])
    assert report.pushed == 0
    assert all(request.path.count("/") == 4 for request in rig.stand_in.requests)
