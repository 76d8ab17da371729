"""Values from every source to every vendor: as the vendor declares them, with every digit, or not at all."""

from __future__ import annotations

import csv
import json
import sqlite3
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from postgres import private_postgres

from .rig import Rig, counts

SONORAN_FIELDS = [
    {"id": "steam", "type": "text array", "label": "Steam IDs", "options": None},
    {"id": "rank", "type": "select", "label": "Rank", "options": ["5", "Cadet"]},
    {"id": "unit", "type": "text", "label": "Unit", "options": None},
]

Through = Callable[[Rig, list[dict[str, Any]], dict[str, str]], Any]


@pytest.fixture
def sonoran(sonoran: Rig) -> Rig:
    sonoran.stand_in.definitions = SONORAN_FIELDS  # type: ignore[attr-defined]
    return sonoran


def sent(rig: Rig) -> Any:
    """What the last write says, its numbers as they are written."""
    return json.loads(rig.stand_in.writes[-1].body, parse_float=Decimal)


# -- the sources --------------------------------------------------------------------------------------------


def write_csv(path: Path, rows: list[dict[str, Any]]) -> str:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return str(path)


def push_csv(rig: Rig, folder: Path, row: dict[str, Any], fields: Any, **options: Any) -> Any:
    return rig.push(write_csv(folder / "rows.csv", [row]), key="id", fields=fields, **options)


def push_lines(rig: Rig, folder: Path, text: str, fields: Any, **options: Any) -> Any:
    path = folder / "rows.jsonl"
    path.write_text(text)
    return rig.push(str(path), key="id", fields=fields, **options)


def push_sqlite(
    rig: Rig,
    folder: Path,
    create: str,
    values: tuple[Any, ...],
    fields: Any,
    monkeypatch: Any,
    **options: Any,
) -> Any:
    file = folder / "source.db"
    with sqlite3.connect(file) as database:
        database.execute(f"create table t ({create})")
        database.execute(f"insert into t values ({', '.join('?' * len(values))})", values)
    monkeypatch.setenv("AIRFLOW_CONN_SRC", json.dumps({"conn_type": "sqlite", "host": str(file)}))
    return rig.push(None, sql="select * from t", sql_conn_id="src", key="id", fields=fields, **options)


def push_parquet(rig: Rig, folder: Path, columns: dict[str, Any], fields: Any, **options: Any) -> Any:
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    path = folder / "rows.parquet"
    pq.write_table(pa.table(columns), path)
    return rig.push(str(path), key="id", fields=fields, **options)


# -- numbers (case 4) ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "arrives"),
    [
        ("3585550123.0", "3585550123"),
        ("5", "5"),
        ("1e3", "1000"),
        ("0.0000001", "0.0000001"),
        ("12345678901234567.89", "12345678901234567.89"),
        ("17430755068736100383", "17430755068736100383"),
        ("1.50", "1.5"),
    ],
)
def test_a_number_of_a_json_line_is_text_without_point_zero_or_exponent(
    communifire: Rig, tmp_path: Path, written: str, arrives: str
) -> None:
    """Case 4a: an integer column with a null, through pandas."""
    line = f'{{"id": "{communifire.sample.key(1)}", "Phone": {written}}}'
    assert counts(push_lines(communifire, tmp_path, line, ["Phone"])) == {"pushed": 1}
    assert communifire.holds(1)["Phone"] == arrives


@pytest.mark.parametrize("value", [2.0**60, Decimal("7E9999999"), float("inf")], ids=str)
def test_a_number_that_may_have_lost_digits_is_invalid(communifire: Rig, value: Any) -> None:
    assert counts(communifire.push([communifire.change(1, Phone=value)])) == {"invalid": 1}


def test_digits_inside_an_object_stay_or_the_record_is_invalid(ocamba: Rig, tmp_path: Path) -> None:
    """Case 4b: from a JSON line, and from JSON text in a CSV cell."""
    price = "12345678901234567.89"
    key = ocamba.sample.key(1)
    line = f'{{"id": "{key}", "cp": {{"price": {price}}}}}'
    fields = {"custom_properties": "cp"}
    assert counts(push_lines(ocamba, tmp_path, line, fields)) == {"invalid": 1}
    row = {"id": key, "cp": f'{{"price": {price}}}'}
    assert counts(push_csv(ocamba, tmp_path, row, fields)) == {"invalid": 1}
    assert ocamba.stand_in.writes == []
    short = {"id": key, "cp": '{"price": 1.10, "n": 5}'}
    assert counts(push_csv(ocamba, tmp_path, short, fields)) == {"pushed": 1}
    assert sent(ocamba) == {"custom_properties": {"price": Decimal("1.1"), "n": 5}}


def test_a_number_of_single_precision_keeps_its_digits(communifire: Rig, tmp_path: Path) -> None:
    """Case 4, the shortest text of the type that the column has: Parquet's float is 0.1, alone and inside."""
    pa = pytest.importorskip("pyarrow")
    columns = {"id": [communifire.sample.key(1)], "x": pa.array([0.1], pa.float32())}
    assert counts(push_parquet(communifire, tmp_path, columns, {"Phone": "x"})) == {"pushed": 1}
    assert communifire.holds(1)["Phone"] == "0.1"
    columns["x"] = pa.array([2.0**24], pa.float32())
    assert counts(push_parquet(communifire, tmp_path, columns, {"Phone": "x"})) == {"invalid": 1}


@pytest.mark.parametrize("written", ["5", "5.0", '"5"', '"5.0"', "5.00"])
@pytest.mark.parametrize("held", [5, 5.0, "5"], ids=repr)
def test_equal_numbers_prove_each_other_at_sonoran(
    sonoran: Rig, tmp_path: Path, written: str, held: Any
) -> None:
    """Case 4: an answer that holds 5 acknowledges 5.0 and "5"."""
    from standins import Fault

    sonoran.stand_in.faults = [Fault(200, [{"id": "unit", "value": held}])]
    line = f'{{"id": "{sonoran.sample.key(1)}", "unit": {written}}}'
    assert counts(push_lines(sonoran, tmp_path, line, ["unit"])) == {"pushed": 1}


# -- one column, one treatment (case 21d) -------------------------------------------------------------------


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    with private_postgres(tmp_path_factory.mktemp("values")) as found:
        yield found


def push_postgres(
    rig: Rig,
    connection: dict[str, Any],
    sql: str,
    fields: Any,
    monkeypatch: pytest.MonkeyPatch,
    **options: Any,
) -> Any:
    monkeypatch.setenv("AIRFLOW_CONN_SRC", json.dumps(connection))
    return rig.push(None, sql=sql, sql_conn_id="src", key="id", fields=fields, **options)


@pytest.mark.parametrize("kind", ["numeric(10,2)", "numeric", "bigint", "double precision", "real"])
def test_a_column_of_numbers_goes_into_a_text_field_as_text(
    ocamba: Rig, postgres: dict[str, Any], kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Case 21d: 1.25 and 5.00 alike."""
    rows = [(ocamba.sample.key(1), "1.25"), (ocamba.sample.key(2), "5.00")]
    values = ", ".join(f"('{key}', {number}::{kind})" for key, number in rows)
    sql = f"select * from (values {values}) as t(id, v)"
    report = push_postgres(ocamba, postgres, sql, {"comment": "v"}, monkeypatch)
    assert counts(report) == {"pushed": 2}
    first = {"bigint": "1"}.get(kind, "1.25")
    assert [ocamba.holds(n)["comment"] for n in (1, 2)] == [first, "5"]


def test_a_numeric_version_orders(
    ocamba: Rig, postgres: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Case 9a, from the database that has it."""
    sql = f"select '{ocamba.sample.key(1)}' as id, 'x' as name, 7::numeric as v"
    report = push_postgres(ocamba, postgres, sql, {"full_name": "name"}, monkeypatch, version="v")
    assert counts(report) == {"pushed": 1}


@pytest.mark.parametrize("version", [7, Decimal(7), Decimal("7.00"), 7.0, "7"], ids=repr)
def test_a_whole_number_of_any_type_is_a_version(ocamba: Rig, version: Any) -> None:
    """Case 9a."""
    row = {"id": ocamba.sample.key(1), "full_name": "x", "v": version}
    assert counts(ocamba.push([row], key="id", fields=["full_name"], version="v")) == {"pushed": 1}


@pytest.mark.parametrize(
    "version", ["9" * 5000, Decimal("7E9999999"), 2.0**60], ids=["long", "huge", "float"]
)
def test_an_endless_or_uncertain_version_is_invalid_at_once(
    ocamba: Rig, tmp_path: Path, version: Any
) -> None:
    """Cases 8a and 9a."""
    began = time.monotonic()
    row = {"id": ocamba.sample.key(1), "full_name": "x", "v": version}
    assert counts(ocamba.push([row], key="id", fields=["full_name"], version="v")) == {"invalid": 1}
    if isinstance(version, str):
        report = push_csv(ocamba, tmp_path, row, ["full_name"], version="v")
        assert counts(report) == {"invalid": 1}
    assert time.monotonic() - began < 10


# -- the declared type (case 7) -----------------------------------------------------------------------------


@pytest.mark.parametrize(("value", "arrives"), [(0, False), (1, True), ("f", False), ("Y", True)])
def test_sqlite_has_no_boolean_and_the_vendor_has(
    agilenow: Rig, tmp_path: Path, value: Any, arrives: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Case 7a."""
    agilenow.stand_in.profiles[agilenow.sample.key(1)]["Is_Active"] = not arrives
    row = (agilenow.sample.key(1), value)
    report = push_sqlite(
        agilenow, tmp_path, "id text, active boolean", row, {"Is_Active": "active"}, monkeypatch
    )
    assert counts(report) == {"pushed": 1}
    assert agilenow.holds(1)["Is_Active"] is arrives


@pytest.mark.parametrize(("cell", "arrives"), [("0", False), ("t", True), ("1.0", True), ("No", False)])
def test_a_boolean_of_csv_is_read_as_one(agilenow: Rig, tmp_path: Path, cell: str, arrives: bool) -> None:
    agilenow.stand_in.profiles[agilenow.sample.key(1)]["Is_Active"] = not arrives
    row = {"id": agilenow.sample.key(1), "active": cell}
    assert counts(push_csv(agilenow, tmp_path, row, {"Is_Active": "active"})) == {"pushed": 1}
    assert agilenow.holds(1)["Is_Active"] is arrives


def test_a_json_array_in_a_cell_is_the_array_of_a_field_with_several_values(
    lightfield: Rig, tmp_path: Path
) -> None:
    """Case 7b."""
    row = {"id": "acc_0001", "mails": '["a@example.com","b@example.com"]'}
    assert counts(push_csv(lightfield, tmp_path, row, ["mails"])) == {"pushed": 1}
    assert sent(lightfield)["fields"] == {"mails": ["a@example.com", "b@example.com"]}


LIGHTFIELD_CELLS: dict[str, tuple[str, Any]] = {
    "score": ("7", 7),
    "revenue": ("1.25", Decimal("1.25")),
    "seen": ("2026-03-16T12:00:00Z", "2026-03-16T12:00:00Z"),
    "vip": ("1", True),
    "mail": ("a@example.com", "a@example.com"),
    "phones": ("+15551234567", ["+15551234567"]),
    "tags": ('["opt_1", "opt_2"]', ["opt_1", "opt_2"]),
    "site": ('{"city": "Turku", "latitude": 60.45}', {"city": "Turku", "latitude": Decimal("60.45")}),
    "boss": ('{"firstName": "Ada"}', {"firstName": "Ada"}),
    "note": ("0.10", "0.10"),
}


@pytest.mark.parametrize("name", list(LIGHTFIELD_CELLS))
@pytest.mark.parametrize("source", ["csv", "sqlite"])
def test_the_definitions_say_how_a_cell_is_read(
    lightfield: Rig, tmp_path: Path, name: str, source: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    cell, written = LIGHTFIELD_CELLS[name]
    if source == "csv":
        report = push_csv(lightfield, tmp_path, {"id": "acc_0001", name: cell}, [name])
    else:
        row = ("acc_0001", cell)
        report = push_sqlite(lightfield, tmp_path, f"id text, {name} text", row, [name], monkeypatch)
    assert counts(report) == {"pushed": 1}
    assert sent(lightfield)["fields"] == {name: written}


def test_parquet_maps_lists_and_structs_are_objects_and_arrays(ocamba: Rig, tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    columns = {
        "id": [ocamba.sample.key(1)],
        "cp": pa.array([[("a", 0.1), ("b", 2.5)]], pa.map_(pa.string(), pa.float32())),
        "lists": pa.array([[1000101, 1000102]], pa.list_(pa.int64())),
    }
    report = push_parquet(ocamba, tmp_path, columns, {"custom_properties": "cp", "lists": "lists"})
    assert counts(report) == {"pushed": 1}
    assert sent(ocamba) == {
        "custom_properties": {"a": Decimal("0.1"), "b": Decimal("2.5")},
        "lists": ["1000101", "1000102"],
    }
    columns = {"id": [ocamba.sample.key(1)], "cp": pa.array([[]], pa.map_(pa.string(), pa.string()))}
    assert counts(push_parquet(ocamba, tmp_path, columns, {"custom_properties": "cp"})) == {"pushed": 1}
    assert sent(ocamba) == {"custom_properties": {}}


def test_a_parquet_map_with_a_key_twice_costs_its_own_record(ocamba: Rig, tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    columns = {
        "id": [ocamba.sample.key(1), ocamba.sample.key(2)],
        "cp": pa.array([[("a", "x"), ("a", "y")], [("a", "x")]], pa.map_(pa.string(), pa.string())),
    }
    report = push_parquet(ocamba, tmp_path, columns, {"custom_properties": "cp"})
    assert counts(report) == {"pushed": 1, "invalid": 1}


@pytest.mark.parametrize(
    ("cell", "arrives"), [('["a", "b"]', ["a", "b"]), ("a", ["a"]), ("[1, 2]", ["1", "2"])]
)
def test_a_text_array_of_sonoran(sonoran: Rig, tmp_path: Path, cell: str, arrives: list[str]) -> None:
    row = {"id": sonoran.sample.key(1), "s": cell}
    assert counts(push_csv(sonoran, tmp_path, row, {"steam": "s"})) == {"pushed": 1}
    assert sonoran.holds(1)["steam"] == arrives


def test_a_select_of_sonoran_takes_text(
    sonoran: Rig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = (sonoran.sample.key(1), 5)
    report = push_sqlite(sonoran, tmp_path, "id text, r integer", row, {"rank": "r"}, monkeypatch)
    assert counts(report) == {"pushed": 1}
    assert sonoran.holds(1)["rank"] == "5"


# -- bounds (case 8a) ---------------------------------------------------------------------------------------

ENDLESS = {
    "exponent": "7E9999999",
    "tiny": "7E-9999999",
    "beyond": "1e99999999999999999999",
    "digits": "9" * 100_000,
}


@pytest.mark.parametrize("kind", list(ENDLESS))
def test_an_endless_number_is_invalid_at_once(lightfield: Rig, tmp_path: Path, kind: str) -> None:
    """Case 8a."""
    began = time.monotonic()
    row = {"id": "acc_0001", "v": ENDLESS[kind]}
    assert counts(push_csv(lightfield, tmp_path, row, {"score": "v"})) == {"invalid": 1}
    line = f'{{"id": "acc_0001", "v": {ENDLESS[kind]}}}'
    assert counts(push_lines(lightfield, tmp_path, line, {"score": "v"})) == {"invalid": 1}
    assert time.monotonic() - began < 10
    assert lightfield.stand_in.writes == []


@pytest.mark.parametrize("cell", ["[" * 100_000, '{"a":' * 50_000], ids=["arrays", "objects"])
def test_endless_nesting_is_invalid_at_once(ocamba: Rig, tmp_path: Path, cell: str) -> None:
    began = time.monotonic()
    row = {"id": ocamba.sample.key(1), "v": cell}
    for field in ("custom_properties", "lists")[: 2 if cell[0] == "[" else 1]:
        assert counts(push_csv(ocamba, tmp_path, row, {field: "v"})) == {"invalid": 1}
    assert time.monotonic() - began < 10


def test_endless_nesting_in_a_link_is_invalid(lightfield: Rig, tmp_path: Path) -> None:
    row = {"id": "acc_0001", "v": "[" * 100_000}
    report = push_csv(lightfield, tmp_path, row, {}, relationships={"$contact": {"add": "v"}})
    assert counts(report) == {"invalid": 1}


# -- names that do not exist (case 21g) ---------------------------------------------------------------------


def refusal(rig: Rig, fields: Any, **options: Any) -> str:
    from airflow_profile_provider.errors import ConfigurationError

    rows = [{"id": rig.sample.key(1), "x": "a"}] * 500
    with pytest.raises(ConfigurationError) as error:
        rig.push(rows, key="id", fields=fields, **options)
    assert rig.stand_in.writes == []
    report = getattr(error.value, "report", None)
    assert not report or counts(report) in ({}, {"unsent": 500})
    return str(error.value)


def test_an_unknown_field_is_one_error_that_names_the_nearest(
    ocamba: Rig, sonoran: Rig, capsys: pytest.CaptureFixture[str]
) -> None:
    """Case 21g: a closed list, and a list that the push reads."""
    assert "'emial' (did you mean 'email'?)" in refusal(ocamba, {"emial": "x", "comment": "x"})
    assert "'Steam ID' (did you mean 'steam', Steam IDs?)" in refusal(sonoran, {"Steam ID": "x"})
    assert "warning" not in capsys.readouterr().out


def test_every_unknown_name_is_in_the_one_error(lightfield: Rig) -> None:
    lightfield.stand_in.relationship_definitions = {"$owner": {}, "$contact": {}}  # type: ignore[attr-defined]
    said = refusal(
        lightfield,
        {"scoer": "x", "$nmae": "x"},
        relationships={"$ownr": {"replace": "x"}, "$contact": {"add": "x"}},
    )
    for nearest in ("'score'", "'$name'", "'$owner'"):
        assert nearest in said
    assert "'$contact'" not in said


def test_an_unknown_field_is_told_to_a_task_in_one_line(ocamba: Rig) -> None:
    outcome = ocamba.run([{"id": ocamba.sample.key(1), "x": "a"}], key="id", fields={"emial": "x"})
    assert outcome.for_good
    assert "email" in str(outcome.error)
    assert ocamba.stand_in.requests == []


# -- siblings: links, outboxes ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cell", "links"),
    [('["con_1", "con_2"]', ["con_1", "con_2"]), ("con_1", "con_1"), ('["con_1"]', "con_1")],
)
def test_links_of_a_database_without_arrays_are_read_from_json_text(
    lightfield: Rig, tmp_path: Path, cell: str, links: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Case 7, of relationships: from SQLite as from CSV."""
    mapped = {"$contact": {"add": "c"}}
    for push in (
        lambda: push_sqlite(
            lightfield, tmp_path, "id text, c text", ("acc_0001", cell), {}, monkeypatch, relationships=mapped
        ),
        lambda: push_csv(lightfield, tmp_path, {"id": "acc_0001", "c": cell}, {}, relationships=mapped),
    ):
        assert counts(push()) == {"pushed": 1}
        added = sent(lightfield)["relationships"]["$contact"]["add"]
        assert added == (links if isinstance(links, list) else [links])


def test_an_outboxs_json_text_keeps_its_digits() -> None:
    """Case 4b, of the column of fields."""
    from airflow_profile_provider.sources.outbox import _json

    assert str(_json('{"cp": {"price": 12345678901234567.89}}')["cp"]["price"]) == "12345678901234567.89"
    assert _json("[" * 100_000) == "[" * 100_000
