"""Bad input ends in a clear error or verdict that names record, field and remedy, and loses nothing else."""

from __future__ import annotations

import gzip
import json
import time
from pathlib import Path
from typing import Any

import pytest

from .rig import Outcome, Rig, counts, lines, registration

FORMATS = ["rows.jsonl", "rows.jsonl.gz", "rows.csv", "rows.csv.gz", "rows.parquet"]


def run_with_rejects(
    rig: Rig, records: Any, tmp_path: Path, **options: Any
) -> tuple[Outcome, dict[str, Any]]:
    """Run the operator and return the one line of its rejects file."""
    outcome = rig.run(records, rejects_path=str(tmp_path / "rejects.jsonl"), **options)
    (line,) = lines(outcome.report["rejects"])
    return outcome, line


def assert_only_one_is_invalid(rig: Rig, outcome: Outcome, line: dict[str, Any], position: int) -> None:
    assert counts(outcome.report) == {"pushed": 2, "invalid": 1}
    assert outcome.for_good
    assert (line["verdict"], line["position"]) == ("invalid", position)
    assert len(line["reason"]) > 15
    assert [rig.holds(number) for number in (1, 3)] == [rig.expected(number) for number in (1, 3)]
    assert rig.holds(2) == rig.sample.before(2)


# -- one bad change among good ones -------------------------------------------------------------------------

BAD_KEYS = {
    "float": 17.0,
    "boolean": True,
    "null": None,
    "empty": "",
    "blank": "  ",
    "list": ["17"],
    "nan": float("nan"),
}


@pytest.mark.parametrize("kind", list(BAD_KEYS))
def test_a_key_of_the_wrong_type_is_invalid(rig: Rig, tmp_path: Path, kind: str) -> None:
    rig.hold(1, 2, 3)
    bad = {"key": BAD_KEYS[kind], "fields": rig.sample.fields(2)}
    outcome, line = run_with_rejects(rig, [rig.change(1), bad, rig.change(3)], tmp_path)
    assert_only_one_is_invalid(rig, outcome, line, position=2)
    assert "key" in line["reason"]


def test_a_missing_key_is_invalid(rig: Rig, tmp_path: Path) -> None:
    rig.hold(1, 2, 3)
    bad = {"fields": rig.sample.fields(2)}
    outcome, line = run_with_rejects(rig, [rig.change(1), bad, rig.change(3)], tmp_path)
    assert_only_one_is_invalid(rig, outcome, line, position=2)
    assert "key" in line["reason"]


@pytest.mark.parametrize("fields", [{}, None, ["FirstName"], "Ada"], ids=["empty", "null", "list", "text"])
def test_empty_or_odd_fields_are_invalid(rig: Rig, tmp_path: Path, fields: Any) -> None:
    rig.hold(1, 2, 3)
    bad = {"key": rig.sample.key(2), "fields": fields}
    outcome, line = run_with_rejects(rig, [rig.change(1), bad, rig.change(3)], tmp_path)
    assert_only_one_is_invalid(rig, outcome, line, position=2)
    assert "field" in line["reason"]


@pytest.mark.parametrize("record", ["text", 17, None, ["a", "list"]], ids=["text", "number", "null", "list"])
def test_a_record_that_is_no_object_is_invalid(rig: Rig, tmp_path: Path, record: Any) -> None:
    rig.hold(1, 2, 3)
    outcome, line = run_with_rejects(rig, [rig.change(1), record, rig.change(3)], tmp_path)
    assert_only_one_is_invalid(rig, outcome, line, position=2)


def test_the_vendors_own_invalid_change_is_refused_before_sending(rig: Rig, tmp_path: Path) -> None:
    rig.hold(1, 2, 3)
    bad = {"key": rig.sample.key(2), "fields": rig.sample.invalid}
    outcome, line = run_with_rejects(rig, [rig.change(1), bad, rig.change(3)], tmp_path)
    assert_only_one_is_invalid(rig, outcome, line, position=2)
    named = list(rig.sample.invalid)[-1:]  # the last of its fields is the faulty one
    assert all(name in line["reason"] for name in named)
    assert len(rig.stand_in.writes) == 2


def test_a_value_of_the_wrong_shape_is_invalid(rig: Rig, tmp_path: Path) -> None:
    rig.hold(1, 2, 3)
    bad = {"key": rig.sample.key(2), "fields": rig.sample.misshapen}
    outcome, line = run_with_rejects(rig, [rig.change(1), bad, rig.change(3)], tmp_path)
    assert_only_one_is_invalid(rig, outcome, line, position=2)
    assert rig.sample.faulty in line["reason"]


def test_an_unknown_key_type_is_invalid_or_refused_at_once(rig: Rig, tmp_path: Path) -> None:
    rig.hold(1, 2, 3)
    bad = {**rig.change(2), "key_type": "ShoeSize"}
    outcome, line = run_with_rejects(rig, [rig.change(1), bad, rig.change(3)], tmp_path)
    assert_only_one_is_invalid(rig, outcome, line, position=2)
    assert "key_type" in line["reason"]


def test_an_operators_unknown_key_type_is_an_error_before_anything_is_sent(rig: Rig) -> None:
    rig.hold(1)
    outcome = rig.run(rig.changes(1), key_type="ShoeSize")
    assert outcome.for_good
    assert "key_type" in str(outcome.error)
    assert rig.stand_in.requests == []


@pytest.mark.parametrize("version", [3.5, True, "yesterday", ["2"]], ids=str)
def test_a_version_that_orders_nothing_is_invalid(rig: Rig, tmp_path: Path, version: Any) -> None:
    rig.hold(1, 2, 3)
    bad = {**rig.change(2), "version": version}
    outcome, line = run_with_rejects(rig, [rig.change(1), bad, rig.change(3)], tmp_path)
    assert_only_one_is_invalid(rig, outcome, line, position=2)
    assert "version" in line["reason"]


def test_a_literal_template_arrives_as_it_is(rig: Rig) -> None:
    rig.hold(1)
    text = "{{ ds }} {% raw %} {{ conn.x.password }} MarkerQuartz"
    assert rig.run([rig.rename(1, text)]).green
    assert rig.holds(1)[rig.sample.text] == text


def test_a_50_mb_record_is_invalid_and_quickly_so(rig: Rig) -> None:
    rig.hold(1, 2, 3)
    began = time.monotonic()
    outcome = rig.run([rig.change(1), rig.rename(2, "x" * 50_000_000), rig.change(3)])
    assert counts(outcome.report) == {"pushed": 2, "invalid": 1}
    assert len(outcome.said) < 20_000
    assert max(len(request.body) for request in rig.stand_in.requests) < 1_100_000
    assert time.monotonic() - began < 10


def test_max_record_bytes_moves_the_bound(rig: Rig) -> None:
    rig.hold(1, 2)
    report = rig.push([rig.rename(1, "x" * 900), rig.rename(2, "x")], max_record_bytes=500)
    assert counts(report) == {"pushed": 1, "invalid": 1}


def test_text_of_the_world_arrives_whole(rig: Rig) -> None:
    rig.hold(1)
    text = 'Zoë 李小龍 😀 "quoted" back\\slash tab\t nul-free & <b>'
    assert rig.run([rig.rename(1, text)]).green
    assert rig.holds(1)[rig.sample.text] == text


# -- files --------------------------------------------------------------------------------------------------


def rows(rig: Rig, *numbers: int) -> list[dict[str, Any]]:
    """Flat rows, as a table or a file has them."""
    return [{"id": rig.sample.key(n), "a": f"A{n}", "b": f"B{n}"} for n in numbers]


def columns(rig: Rig) -> dict[str, Any]:
    """How the operator is told to read such rows."""
    return {"key": "id", "fields": {rig.sample.text: "a", rig.sample.other: "b"}}


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_is_read(rig: Rig, tmp_path: Path, name: str) -> None:
    rig.hold(*range(30))
    path = rig.write_file(tmp_path / name, rows(rig, *range(30)))
    outcome = rig.run(path, **columns(rig))
    assert counts(outcome.report) == {"pushed": 30}
    for number in range(30):
        wanted = {rig.sample.text: f"A{number}", rig.sample.other: f"B{number}"}
        assert rig.holds(number) == {**rig.sample.before(number), **wanted}


@pytest.mark.parametrize("name", ["rows.jsonl", "rows.jsonl.gz"])
def test_rows_of_a_file_may_be_changes_already(rig: Rig, tmp_path: Path, name: str) -> None:
    rig.hold(1, 2)
    path = rig.write_file(tmp_path / name, rig.changes(1, 2))
    assert counts(rig.run(path).report) == {"pushed": 2}
    assert rig.holds(2) == rig.expected(2)


def test_a_file_uri_is_read(rig: Rig, tmp_path: Path) -> None:
    rig.hold(1)
    path = rig.write_file(tmp_path / "rows.jsonl", rig.changes(1))
    assert counts(rig.run(f"file://{path}").report) == {"pushed": 1}


def test_an_object_storage_path_is_read(rig: Rig, tmp_path: Path) -> None:
    from airflow.sdk import ObjectStoragePath

    rig.hold(1)
    path = rig.write_file(tmp_path / "rows.jsonl", rig.changes(1))
    assert counts(rig.run(ObjectStoragePath(f"file://{path}")).report) == {"pushed": 1}


@pytest.mark.parametrize("compress", [False, True], ids=["plain", "gzip"])
def test_broken_json_on_line_17_is_named_and_loses_nothing_else(
    rig: Rig, tmp_path: Path, compress: bool
) -> None:
    rig.hold(*range(30))
    text = [json.dumps(rig.change(number)) for number in range(30)]
    text[16] = text[16][:-7] + "MarkerQuartz"
    path = tmp_path / ("rows.jsonl.gz" if compress else "rows.jsonl")
    content = "\n".join(text).encode()
    path.write_bytes(gzip.compress(content) if compress else content)
    outcome, line = run_with_rejects(rig, str(path), tmp_path)
    assert counts(outcome.report) == {"pushed": 29, "invalid": 1}
    assert outcome.for_good
    assert line["position"] == 17
    assert "JSON" in line["reason"]
    assert "MarkerQuartz" in json.dumps(line)  # the raw line, to be mended
    assert "MarkerQuartz" not in outcome.said
    assert rig.holds(29) == rig.expected(29)


def test_blank_lines_of_jsonl_are_no_records(rig: Rig, tmp_path: Path) -> None:
    rig.hold(1, 2)
    path = tmp_path / "rows.jsonl"
    path.write_text("\n" + "\n\n".join(json.dumps(change) for change in rig.changes(1, 2)) + "\n\n")
    assert counts(rig.run(str(path)).report) == {"pushed": 2}


@pytest.mark.parametrize("name", FORMATS)
def test_a_missing_column_is_named_and_nothing_is_sent(rig: Rig, tmp_path: Path, name: str) -> None:
    rig.hold(1, 2)
    path = rig.write_file(tmp_path / name, [{"id": rig.sample.key(n), "a": f"A{n}"} for n in (1, 2)])
    outcome = rig.run(path, **columns(rig))
    assert not outcome.green
    assert "column b" in str(outcome.error).replace("'", "").replace('"', "")
    assert rig.stand_in.writes == []


def test_a_csv_row_with_too_few_or_too_many_cells_is_invalid(rig: Rig, tmp_path: Path) -> None:
    rig.hold(1, 2, 3)
    keys = [rig.sample.key(number) for number in (1, 2, 3)]
    path = tmp_path / "rows.csv"
    path.write_text(f"id,a,b\n{keys[0]},A1\n{keys[1]},A2,B2\n{keys[2]},A3,B3,C3\n")
    outcome = rig.run(str(path), rejects_path=str(tmp_path / "rejects.jsonl"), **columns(rig))
    assert counts(outcome.report) == {"pushed": 1, "invalid": 2}
    assert [line["position"] for line in lines(outcome.report["rejects"])] == [2, 4]


def test_an_empty_csv_cell_is_null(rig: Rig, tmp_path: Path) -> None:
    rig.hold(1)
    path = tmp_path / "rows.csv"
    path.write_text(f"id,a,b\n{rig.sample.key(1)},A1,\n")
    outcome = rig.run(str(path), nulls="skip", **columns(rig))
    assert counts(outcome.report) == {"pushed": 1}
    assert rig.holds(1) == {**rig.sample.before(1), rig.sample.text: "A1"}


def test_a_csv_with_quotes_breaks_and_a_mark_is_read(rig: Rig, tmp_path: Path) -> None:
    rig.hold(1)
    path = tmp_path / "rows.csv"
    path.write_bytes(f'\ufeffid,a,b\r\n{rig.sample.key(1)},"two, lines\nand ""more""",B\r\n'.encode())
    outcome = rig.run(str(path), **columns(rig))
    assert counts(outcome.report) == {"pushed": 1}
    assert rig.holds(1)[rig.sample.text] == 'two, lines\nand "more"'


def test_nan_in_parquet_is_null(rig: Rig, tmp_path: Path) -> None:
    rig.hold(1, 2)
    path = rig.write_file(
        tmp_path / "rows.parquet",
        [{"id": rig.sample.key(n), "a": f"A{n}", "b": float("nan")} for n in (1, 2)],
    )
    outcome = rig.run(path, nulls="skip", **columns(rig))
    assert counts(outcome.report) == {"pushed": 2}
    assert rig.holds(1) == {**rig.sample.before(1), rig.sample.text: "A1"}


def test_ids_that_a_table_turned_into_floats_are_invalid(rig: Rig, tmp_path: Path) -> None:
    rig.hold(1, 2)
    table = [{"id": 1.7430755068736100e19 + number, "a": "A"} for number in range(2)]
    outcome = rig.run(
        rig.write_file(tmp_path / "rows.parquet", table), key="id", fields={rig.sample.text: "a"}
    )
    assert counts(outcome.report) == {"invalid": 2}
    assert outcome.for_good
    assert rig.stand_in.writes == []


UNREADABLE = {
    "absent": lambda path: None,
    "directory": lambda path: path.mkdir(),
    "no gzip": lambda path: path.write_bytes(b"plain text"),
    "no parquet": lambda path: path.write_bytes(b"plain text"),
    "no utf-8": lambda path: path.write_bytes(b"\xff\xfe\x00{"),
}
NAMES = {"no gzip": "rows.jsonl.gz", "no parquet": "rows.parquet"}


@pytest.mark.parametrize("kind", list(UNREADABLE))
def test_an_unreadable_path_is_named_and_nothing_is_sent(rig: Rig, tmp_path: Path, kind: str) -> None:
    path = tmp_path / NAMES.get(kind, "rows.jsonl")
    UNREADABLE[kind](path)
    outcome = rig.run(str(path))
    assert not outcome.green
    assert path.name in str(outcome.error) or counts(outcome.report) == {"invalid": 1}
    assert rig.stand_in.writes == []


@pytest.mark.parametrize("name", ["rows.txt", "rows.xlsx", "rows"])
def test_a_format_that_is_not_read_is_named(rig: Rig, tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("x")
    outcome = rig.run(str(tmp_path / name))
    assert not outcome.green
    assert ".jsonl" in str(outcome.error)


def test_a_gzip_that_was_cut_off_is_red(rig: Rig, tmp_path: Path) -> None:
    rig.hold(*range(2000))
    content = "\n".join(json.dumps(rig.rename(n, f"Value{n * 7919}")) for n in range(2000)).encode()
    path = tmp_path / "rows.jsonl.gz"
    packed = gzip.compress(content)
    path.write_bytes(packed[: len(packed) // 40])
    outcome = rig.run(str(path))
    assert not outcome.green
    assert path.name in str(outcome.error)
    for number in range(2000):
        value = rig.holds(number)[rig.sample.text]
        assert value in {f"Value{number * 7919}", rig.sample.before(number).get(rig.sample.text)}


# -- empty sources ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FORMATS)
def test_an_empty_file_is_red_by_default(rig: Rig, tmp_path: Path, name: str) -> None:
    outcome = rig.run(empty_file(tmp_path / name), **columns(rig))
    assert not outcome.green
    assert "empty" in str(outcome.error)
    assert rig.stand_in.requests == []


@pytest.mark.parametrize("name", FORMATS)
def test_an_empty_file_may_be_allowed(rig: Rig, tmp_path: Path, name: str) -> None:
    outcome = rig.run(empty_file(tmp_path / name), if_empty="ok", **columns(rig))
    assert outcome.green
    assert (outcome.report["received"], outcome.report["requests"]) == (0, 0)


def empty_file(path: Path) -> str:
    """A file of its format without a record."""
    name = path.name.removesuffix(".gz")
    if name.endswith(".parquet"):
        import pyarrow
        import pyarrow.parquet

        schema = pyarrow.schema([(column, pyarrow.string()) for column in ("id", "a", "b")])
        pyarrow.parquet.write_table(schema.empty_table(), path)
        return str(path)
    content = b"id,a,b\n" if name.endswith(".csv") else b""
    path.write_bytes(gzip.compress(content) if path.name.endswith(".gz") else content)
    return str(path)


def test_an_empty_list_is_green_by_default(rig: Rig) -> None:
    outcome = rig.run([])
    assert outcome.green
    assert (outcome.report["received"], rig.stand_in.requests) == (0, [])


@pytest.mark.parametrize("if_empty", ["maybe", True])
def test_an_unknown_if_empty_is_an_error(rig: Rig, if_empty: Any) -> None:
    outcome = rig.run([], if_empty=if_empty)
    assert not outcome.green
    assert "if_empty" in str(outcome.error)


@pytest.mark.parametrize(
    "records", [None, 17, {"key": "1", "fields": {"a": "b"}}, ""], ids=["none", "number", "object", "no path"]
)
def test_records_that_are_no_source_are_an_error(rig: Rig, records: Any) -> None:
    outcome = rig.run(records)
    assert not outcome.green
    assert "records" in str(outcome.error)
    assert rig.stand_in.requests == []


def test_an_empty_list_may_be_red(rig: Rig) -> None:
    outcome = rig.run([], if_empty="fail")
    assert not outcome.green
    assert "empty" in str(outcome.error)


# -- connections --------------------------------------------------------------------------------------------


def label(rig: Rig, name: str) -> str:
    """What the vendor calls a field of the connection."""
    return str(registration(rig.conn_type)["ui-field-behaviour"]["relabeling"][name])


def test_a_connection_without_password_is_an_error_before_anything_is_sent(rig: Rig) -> None:
    rig.hold(1)
    rig.connect(without=["password"])
    outcome = rig.run(rig.changes(1))
    assert outcome.for_good
    assert label(rig, "password").lower() in str(outcome.error).lower()
    assert f"{rig.conn_type}_default" in str(outcome.error)
    assert rig.stand_in.requests == []


def test_every_missing_field_is_named_in_one_error(rig: Rig) -> None:
    from airflow_profile_provider.errors import ConfigurationError

    rig.connect(without=["host", "login", "password"])
    with pytest.raises(ConfigurationError) as error:
        rig.push(rig.changes(1))
    said = str(error.value).lower()
    named = [name for name in rig.sample.required if name in said or label(rig, name).lower() in said]
    assert named == list(rig.sample.required)


def test_a_connection_that_does_not_exist_is_named(rig: Rig) -> None:
    rig.hold(1)
    outcome = rig.run(rig.changes(1), **{f"{rig.conn_type}_conn_id": "nowhere_to_be_found"})
    assert not outcome.green
    assert "nowhere_to_be_found" in str(outcome.error)
    assert rig.stand_in.requests == []


@pytest.mark.parametrize(
    "extra",
    [{"timeout": "soon"}, {"concurrency": 0}, {"quota": "as much as you like"}, {"timeout": -1}],
    ids=["timeout", "concurrency", "quota", "negative"],
)
def test_an_extra_that_means_nothing_is_named(rig: Rig, extra: dict[str, Any]) -> None:
    from airflow_profile_provider.errors import ConfigurationError

    rig.hold(1)
    rig.connect(extra=extra)
    with pytest.raises(ConfigurationError, match=next(iter(extra))):
        rig.hook.push(rig.changes(1))
    assert rig.stand_in.requests == []
