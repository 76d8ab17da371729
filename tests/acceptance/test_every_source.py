"""One value through every source: it arrives as a list of dicts brings it, or its record is refused."""

from __future__ import annotations

import csv
import io
import json
import lzma
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from airflow.sdk import BaseHook
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from airflow_profile_provider.adapters.source import source_of
from airflow_profile_provider.errors import InvalidRecord, ProfileError
from airflow_profile_provider.mapping.field_mapping import FieldMapping
from airflow_profile_provider.mapping.mapper import Mapper
from airflow_profile_provider.sources.json_rows import JsonReader
from airflow_profile_provider.sources.reading import Reading
from airflow_profile_provider.vendors.agilenow import AgileNow
from airflow_profile_provider.vendors.base import Access, Vendor
from airflow_profile_provider.vendors.ocamba import Ocamba

ACCESS = Access("https://vendor.example.com", "login", "secret")
FIELDS: dict[str, tuple[type[Vendor], str]] = {
    "text": (Ocamba, "comment"),
    "object": (Ocamba, "custom_properties"),
    "list": (Ocamba, "lists"),
    "boolean": (AgileNow, "Is_Active"),
}
REFUSED = object()
IMPOSSIBLE = object()
"""What a source cannot hold at all."""


def csv_file(value: Any, path: Path) -> Any:
    """Write a value as a spreadsheet or Python's csv would."""
    if not isinstance(value, str | int | float | bool | Decimal):
        return IMPOSSIBLE
    text = io.StringIO()
    csv.writer(text).writerows([["id", "v"], ["1", value]])
    path.write_bytes(text.getvalue().encode("utf-8", "surrogatepass"))
    return str(path)


def json_file(value: Any, path: Path, pack: Callable[[bytes], bytes] = bytes) -> Any:
    rows = [{"id": "1", "v": value}]
    try:
        text = json.dumps(rows if ".json" in path.suffixes else rows[0], ensure_ascii=False)
        path.write_bytes(pack(text.encode()))
    except (TypeError, UnicodeEncodeError):
        return IMPOSSIBLE
    return str(path)


def frame(make: Callable[[dict[str, list[Any]]], Any], value: Any) -> Any:
    """Make a frame of a column, if its library can."""
    try:
        return make({"id": ["1"], "v": [value]})
    except Exception:  # noqa: BLE001 -- each library has its own errors
        return IMPOSSIBLE


def objects(columns: dict[str, list[Any]]) -> Any:
    pd = pytest.importorskip("pandas")
    return pd.DataFrame({name: pd.Series(values, dtype=object) for name, values in columns.items()})


def parquet(value: Any, path: Path) -> Any:
    table = frame(pa.table, value)
    if table is IMPOSSIBLE:
        return IMPOSSIBLE
    try:
        pq.write_table(table, path)
    except pa.ArrowException:
        return IMPOSSIBLE
    return str(path)


def polars(value: Any) -> Any:
    return frame(pytest.importorskip("polars").DataFrame, value)


def duckdb(value: Any) -> Any:
    connection = pytest.importorskip("duckdb").connect()
    try:
        return connection.sql("select '1' as id, $v as v", params={"v": value})
    except Exception:  # noqa: BLE001 -- whatever it does not take
        return IMPOSSIBLE


def pandas(value: Any) -> Any:
    return frame(pytest.importorskip("pandas").DataFrame, value)


SOURCES: dict[str, Callable[[Any, Path], Any]] = {
    "generator": lambda value, folder: iter([{"id": "1", "v": value}]),
    "function": lambda value, folder: lambda: [{"id": "1", "v": value}],
    "csv": lambda value, folder: csv_file(value, folder / "t.csv"),
    "jsonl": lambda value, folder: json_file(value, folder / "t.jsonl"),
    "json": lambda value, folder: json_file(value, folder / "t.json"),
    "json.xz": lambda value, folder: json_file(value, folder / "t.json.xz", lzma.compress),
    "list of paths": lambda value, folder: [json_file(value, folder / "u.json")],
    "parquet": lambda value, folder: parquet(value, folder / "t.parquet"),
    "table": lambda value, folder: frame(pa.table, value),
    "pandas": lambda value, folder: pandas(value),
    "objects": lambda value, folder: objects({"id": ["1"], "v": [value]}),
    "polars": lambda value, folder: polars(value),
    "duckdb": lambda value, folder: duckdb(value),
}
TEXTS = st.text(max_size=12) | st.sampled_from(
    ["", " ", "NULL", "\\N", "5.0", "1e3", "true", "[1]", '{"a": 1}', "a,b", 'a"b', "a\nb", "é€李"]
)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.sampled_from([0, 1, -1, 2**53 + 1, 2**63, 2**64, 10**30]),
    st.floats(),
    st.decimals(allow_nan=False, allow_infinity=False, places=2, min_value=-(10**9), max_value=10**9),
    st.dates(),
    st.datetimes(timezones=st.just(UTC)),
    st.datetimes(),
    TEXTS,
)
VALUES = (
    SCALARS
    | st.lists(TEXTS, max_size=3)
    | st.dictionaries(st.sampled_from("abc"), TEXTS | st.integers(-9, 9))
)


def sent(records: Any, field: str) -> Any:
    """What a push would send of the record; REFUSED where it would not."""
    vendor, name = FIELDS[field]
    mapper = Mapper(vendor(ACCESS), FieldMapping(key="id", fields={name: "v"}))
    try:
        source = source_of(records, None, None, BaseHook.get_connection, Reading(columns=["id", "v"]))
        (row,) = source.rows(mapper, None, None)
        return json.dumps(mapper.change(row).fields[name])
    except (InvalidRecord, ProfileError):
        return REFUSED


def as_written(kind: str, value: Any) -> Any:
    """Return a value as a file says it: CSV in text, JSON with all digits of its text."""
    if kind == "csv":
        return str(value)
    if kind.startswith("json") or kind == "list of paths":
        return JsonReader().read(json.dumps(value))
    return value


def members(value: Any) -> str | None:
    """Return an object that is sent as text, its members in order: older Arrows sort those of a struct."""
    if not isinstance(value, str) or not value.startswith("{"):
        return None
    return json.dumps(json.loads(value, parse_int=str, parse_float=str), sort_keys=True)


@pytest.mark.parametrize("kind", SOURCES)
@settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(value=VALUES, field=st.sampled_from(sorted(FIELDS)))
@example(value={"a": "x"}, field="object")
@example(value={"a": "", "c": "", "b": ""}, field="object")
@example(value=date(2026, 1, 2), field="text")
@example(value=datetime(2026, 1, 2, 3, 4, 5, 678901, UTC), field="text")
@example(value=Decimal("1.50"), field="text")
@example(value=0.1, field="text")
@example(value=2**64, field="text")
@example(value=["a", ""], field="list")
@example(value=True, field="boolean")
def test_a_value_arrives_as_it_is_meant_or_its_record_is_refused(
    tmp_path: Path, kind: str, field: str, value: Any
) -> None:
    records = SOURCES[kind](value, tmp_path)
    if records is IMPOSSIBLE or (isinstance(records, list) and records[0] is IMPOSSIBLE):
        return
    arrived = sent(records, field)
    meant = sent([{"id": "1", "v": as_written(kind, value)}], field)
    assert arrived is REFUSED or arrived == meant or (members(arrived) or 0) == members(meant)
