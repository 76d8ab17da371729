"""Ocamba Hood: seven fields, 204 and nothing else, ids of 19 or 20 digits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from standins import Fault

from .bench import Bench, counts
from .conftest import OpenBench


@pytest.fixture
def bench(open_bench: OpenBench) -> Bench:
    return open_bench("ocamba")


SEVEN: dict[str, Any] = {
    "email": "a@example.com",
    "mobile_phone_number": "+49658245684",
    "full_name": "Ada",
    "organization_id": "1000",
    "lists": ["1000102"],
    "comment": "new",
    "custom_properties": {"clicker": "1"},
}


def test_a_request_is_as_the_page_shows_it(bench: Bench) -> None:
    bench.hold(1)
    assert counts(bench.push([bench.change(1, **SEVEN)])) == {"pushed": 1}
    (write,) = bench.stand_in.writes
    assert (write.method, write.path) == ("PATCH", f"/v1/hood/profiles/{bench.sample.key(1)}")
    assert write.json == SEVEN
    assert write.headers["authorization"] == f"Bearer {bench.stand_in.secret}"


@pytest.mark.parametrize("name", ["age", "Email", "id", "status"])
def test_an_eighth_field_is_refused_before_sending(bench: Bench, name: str) -> None:
    bench.hold(1)
    assert counts(bench.push([bench.change(1, full_name="Ada", **{name: "x"})])) == {"invalid": 1}
    assert bench.stand_in.writes == []


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
def test_a_field_of_the_wrong_type_is_invalid(bench: Bench, fields: dict[str, Any]) -> None:
    bench.hold(1)
    assert counts(bench.push([bench.change(1, **fields)])) == {"invalid": 1}
    assert bench.stand_in.writes == []


def test_a_200_is_not_the_documented_204(bench: Bench) -> None:
    bench.hold(1)
    bench.hurry()
    bench.stand_in.faults = [Fault(200, "<html></html>", {"Content-Type": "text/html"}, times=None)]
    report_or_stop = bench.run(bench.changes(1), max_failed=1)
    assert counts(report_or_stop.report).get("pushed", 0) == 0


@pytest.mark.parametrize("key", ["17430755068736100383", 17430755068736100383])
def test_ids_beyond_64_bits_keep_their_digits(bench: Bench, key: Any) -> None:
    bench.stand_in.profiles["17430755068736100383"] = {}
    assert counts(bench.push([{"key": key, "fields": {"comment": "new"}}])) == {"pushed": 1}


def test_ids_keep_their_digits_from_every_format(bench: Bench, tmp_path: Path) -> None:
    bench.hold(383)
    for name in ("rows.jsonl", "rows.csv", "rows.parquet"):
        rows = [
            {"id": int(bench.sample.key(383)) if name == "rows.jsonl" else bench.sample.key(383), "c": name}
        ]
        path = bench.write_file(tmp_path / name, rows)
        outcome = bench.run(path, key="id", fields={"comment": "c"})
        assert counts(outcome.report) == {"pushed": 1}
        assert bench.holds(383)["comment"] == name


def test_csv_text_is_parsed_to_the_fields_types(bench: Bench, tmp_path: Path) -> None:
    bench.hold(1)
    path = tmp_path / "rows.csv"
    path.write_text(
        "id,full_name,organization_id,lists,custom_properties\n"
        f'{bench.sample.key(1)},17,1000,"[""1000102"", ""1000103""]","{{""clicker"": ""1""}}"\n'
    )
    names = ["full_name", "organization_id", "lists", "custom_properties"]
    assert counts(bench.run(str(path), key="id", fields=names).report) == {"pushed": 1}
    assert bench.stand_in.writes[0].json == {
        "full_name": "17",
        "organization_id": "1000",
        "lists": ["1000102", "1000103"],
        "custom_properties": {"clicker": "1"},
    }


@pytest.mark.parametrize("key", ["../users", "17/merge/18", "17?x=1"])
def test_a_key_never_changes_the_path(bench: Bench, key: str) -> None:
    report = bench.push([{"key": key, "fields": {"comment": "new"}}])
    assert report.pushed == 0
    assert all(request.path.count("/") == 4 for request in bench.stand_in.requests)
