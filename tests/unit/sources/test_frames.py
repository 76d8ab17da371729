"""Data frames and tables: pandas, Polars, DuckDB, Arrow, and what has only the older protocol."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from airflow_profile_provider.errors import ConfigurationError, SourceError
from airflow_profile_provider.records import Row
from airflow_profile_provider.sources.batches import RowBatch
from airflow_profile_provider.sources.frames import FrameSource, is_frame
from airflow_profile_provider.values.nulls import is_null

pd = pytest.importorskip("pandas")
np = pytest.importorskip("numpy")
pl = pytest.importorskip("polars")
duckdb = pytest.importorskip("duckdb")

ROWS = [{"id": str(n), "name": f"Name {n}" if n % 3 else None, "score": n} for n in range(2500)]


class Wanted:
    """A mapping that takes these columns."""

    skips_null = False

    def __init__(self, *columns: str) -> None:
        self.columns = list(columns)


class Interchanged:
    """A table that has the older protocol alone."""

    def __init__(self, table: pa.Table) -> None:
        self._table = table

    def __dataframe__(self, **how: Any) -> Any:
        return self._table.__dataframe__(**how)


def relation(rows: list[dict[str, Any]]) -> Any:
    connection = duckdb.connect()
    connection.register("people", pa.Table.from_pylist(rows))
    return connection.sql("select * from people")


FRAMES: dict[str, Callable[[list[dict[str, Any]]], Any]] = {
    "pandas": pd.DataFrame,
    "pandas of objects": lambda rows: pd.DataFrame(rows, dtype=object),
    "pandas on arrow": lambda rows: pd.DataFrame(rows).convert_dtypes(dtype_backend="pyarrow"),
    "polars": pl.DataFrame,
    "duckdb": relation,
    "table": pa.Table.from_pylist,
    "batch": lambda rows: pa.RecordBatch.from_pylist(rows),
    "reader": lambda rows: pa.Table.from_pylist(rows).to_reader(max_chunksize=1500),
    "older protocol": lambda rows: Interchanged(pa.Table.from_pylist(rows)),
}
ONCE = {"duckdb", "reader", "older protocol"}


@pytest.fixture(params=FRAMES)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def read(frame: Any, *columns: str) -> list[Row]:
    return list(FrameSource(frame).rows(Wanted(*columns), None, None))


def test_each_frame_is_read_in_order_by_its_own_positions(kind: str) -> None:
    frame = FRAMES[kind](ROWS)
    assert is_frame(frame)
    rows = read(frame, "id", "name", "score")
    assert [row.position for row in rows] == list(range(1, len(ROWS) + 1))
    assert [{**row.content, "name": row.content["name"] or None} for row in rows] == ROWS


def test_only_the_columns_that_are_needed_are_read(kind: str) -> None:
    assert read(FRAMES[kind](ROWS[:2]), "id")[0].content == {"id": "0"}


def test_a_column_that_is_missing_is_named(kind: str) -> None:
    with pytest.raises(SourceError, match="has no column 'mail'; it has 3 columns"):
        read(FRAMES[kind](ROWS[:2]), "id", "mail")


def test_what_is_in_memory_can_be_compared_by_the_thousand_counted_and_read_again(kind: str) -> None:
    source = FrameSource(FRAMES[kind](ROWS))
    batches = source.batches(Wanted("id", "score"), None)
    if kind in ONCE:
        assert (batches, source.count(), source.source_id({})) == (None, None, None)
        with pytest.raises(ConfigurationError, match=r"is needed twice, and the .* is a stream"):
            source.require_rereading("it is needed twice")
        return
    assert batches
    assert source.count() == len(ROWS)
    source.require_rereading("it is needed twice")
    found: list[RowBatch] = list(batches)
    assert [len(batch) for batch in found] == [1000, 1000, 500]
    assert [batch.position for batch in found] == [1, 1001, 2001]
    assert len({text for batch in found for text in batch.texts()}) == len(ROWS)


@pytest.mark.parametrize("kind", sorted(set(FRAMES) - ONCE))
def test_a_tables_id_is_that_of_its_content(kind: str) -> None:
    def of(rows: list[dict[str, Any]], **options: Any) -> str | None:
        return FrameSource(FRAMES[kind](rows)).source_id(options)

    changed = [*ROWS[:-1], {"id": "x", "name": None, "score": 0}]
    ids = [of(ROWS), of(changed), of(ROWS[1:]), of(ROWS, key="id")]
    assert of(ROWS) == ids[0]
    assert None not in ids
    assert len(set(ids)) == 4


def test_a_stream_is_never_read_twice_in_silence() -> None:
    source = FrameSource(FRAMES["reader"](ROWS))
    assert len(list(source.rows(Wanted("id"), None, None))) == len(ROWS)
    with pytest.raises(SourceError, match="was read before"):
        list(source.rows(Wanted("id"), None, None))


def test_a_stream_that_breaks_hands_out_what_came_before() -> None:
    def batches() -> Iterator[pa.RecordBatch]:
        yield pa.RecordBatch.from_pylist(ROWS[:1200])
        raise OSError("canary")

    schema = pa.Table.from_pylist(ROWS).schema
    rows = FrameSource(pa.RecordBatchReader.from_batches(schema, batches())).rows(Wanted("id"), None, None)
    number = 0
    with pytest.raises(SourceError, match="cannot be read") as raised:
        for _ in rows:
            number += 1
    assert number == 1200
    assert "canary" not in str(raised.value)


@pytest.mark.parametrize(
    "column",
    [
        pd.Series(["a"], name="id"),
        pd.Series([{"id": "1", "a": 1}, {"id": "2"}]),  # the second one would get a null
        pl.Series("id", ["a"]),
        pl.Series([{"id": "1"}]),
        pa.chunked_array([["a"]]),
    ],
)
def test_one_column_is_no_table(column: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"is one column \(.*\), not a table: give the data frame"):
        read(column, "id")


# -- what each library does with values ---------------------------------------------------------------------


def of_pandas(**columns: Any) -> list[dict[str, Any]]:
    return [row.content for row in read(pd.DataFrame(columns), *columns)]


def test_pandas_objects_stay_what_they_are() -> None:
    """Arrow would make one type of a column, and give each object the members of the others."""
    values = [{"a": 1}, {"b": [1, "x"]}, 2**70, "text", Decimal("1.50"), date(2026, 1, 2), None, True]
    assert [row["v"] for row in of_pandas(id=list(range(8)), v=pd.Series(values, dtype=object))] == values


def test_pandas_types_are_read_as_those_of_parquet() -> None:
    (row, empty) = of_pandas(
        day=pd.to_datetime(["2026-01-02T03:04:05Z", None]),
        number=pd.array([2**62 + 1, None], dtype="Int64"),
        flag=pd.array([True, None], dtype="boolean"),
        kind=pd.Categorical(["a", None]),
        part=pd.array([0.1, None], dtype="Float32"),
        text=pd.array(["x", None], dtype="string"),
    )
    assert row["day"] == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert (row["number"], row["flag"], row["kind"], str(row["part"]), row["text"]) == (
        2**62 + 1,
        True,
        "a",
        "0.1",
        "x",
    )
    assert set(empty.values()) == {None}


def test_a_named_index_is_a_column() -> None:
    frame = pd.DataFrame({"id": ["1", "2"], "name": ["a", "b"]}).set_index("id")
    assert [row.content for row in read(frame, "id", "name")] == [
        {"id": "1", "name": "a"},
        {"id": "2", "name": "b"},
    ]


def test_frames_with_other_keys_in_their_index_are_different_sources() -> None:
    one, other = (pd.DataFrame({"id": [key], "flag": [True]}).set_index("id") for key in ("1", "2"))
    assert FrameSource(one).source_id({}) != FrameSource(other).source_id({})


def test_changes_may_have_their_key_in_the_index() -> None:
    frame = pd.DataFrame({"key": ["1"], "fields": [{"name": "a"}]}).set_index("key")
    (row,) = FrameSource(frame)._rows(Wanted(), None)
    assert row.content == {"key": "1", "fields": {"name": "a"}}


@pytest.mark.parametrize("kind", ["float32", "Float32", "float[pyarrow]", "category"])
def test_a_single_precision_number_is_the_same_beside_a_column_of_objects(kind: str) -> None:
    numbers = pd.Series([0.1, None], dtype="float32").astype(kind)
    frame = pd.DataFrame({"id": pd.Series(["1", "2"], dtype=object), "share": numbers})
    first, second = (row.content["share"] for row in read(frame, "id", "share"))
    assert str(first) == "0.1"
    assert is_null(second)


LONG = [*range(2000)]


@pytest.mark.parametrize(
    "one, other",
    [
        (np.array(LONG), np.array([*LONG[:-9], 0, *LONG[-8:]])),  # both are written with dots in between
        (np.array([0.123456789012]), np.array([0.123456789])),
        ({"in": [np.array(LONG)]}, {"in": [np.array([*LONG[:-9], 0, *LONG[-8:]])]}),
    ],
)
def test_arrays_that_differ_are_no_equal_rows(one: Any, other: Any) -> None:
    def texts(cell: Any) -> list[bytes]:
        frame = pd.DataFrame({"id": ["1"], "scores": pd.Series([cell], dtype=object)})
        batches = FrameSource(frame).batches(Wanted("id", "scores"), None)
        return [text for batch in batches or () for text in batch.texts()]

    assert texts(one) == texts(one)
    assert texts(one) != texts(other)


def test_a_column_that_is_needed_and_there_twice_is_refused() -> None:
    frame = pd.DataFrame([["1", "a", "b"]], columns=["id", "name", "name"])
    assert read(frame, "id")[0].content == {"id": "1"}
    with pytest.raises(SourceError, match="column 'name' more than once"):
        read(frame, "id", "name")


def test_pandas_is_read_without_arrow_too(monkeypatch: pytest.MonkeyPatch) -> None:
    hidden: Any = None
    monkeypatch.setitem(sys.modules, "pyarrow", hidden)
    assert of_pandas(id=[1, 2], name=["a", None])[0] == {"id": 1, "name": "a"}


def test_without_arrow_the_error_names_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    frame = pl.DataFrame({"id": ["1"]})
    hidden: Any = None
    monkeypatch.setitem(sys.modules, "pyarrow", hidden)
    with pytest.raises(ConfigurationError, match=r"needs pyarrow: .*\[parquet\]"):
        read(frame, "id")


def test_a_column_called_open_makes_no_path_of_a_frame() -> None:
    from airflow_profile_provider.adapters.files import is_path

    assert not is_path(pd.DataFrame({"open": [1]}))


def test_polars_objects_are_refused_and_not_sent_as_addresses_in_memory() -> None:
    frame = pl.DataFrame({"id": ["1"], "v": pl.Series([object()], dtype=pl.Object)})
    assert read(frame, "id")[0].content == {"id": "1"}
    with pytest.raises(SourceError, match="column 'v' holds Python's objects"):
        read(frame, "id", "v")


def test_a_type_that_arrow_does_not_have_is_refused_where_it_is_needed() -> None:
    frame = pl.DataFrame({"id": ["1"], "v": pl.Series([2**100], dtype=pl.Int128)})
    assert read(frame, "id")[0].content == {"id": "1"}
    with pytest.raises(SourceError, match="cast it"):
        read(frame, "id", "v")


def test_polars_types_arrive() -> None:
    frame = pl.DataFrame(
        {
            "id": ["1"],
            "kind": pl.Series(["a"], dtype=pl.Categorical),
            "list": [["a", None]],
            "struct": [{"a": 1, "b": "x"}],
            "sum": [Decimal("1.50")],
            "moment": [datetime(2026, 1, 2, tzinfo=UTC)],
        }
    )
    (row,) = read(frame, *frame.columns)
    assert row.content == frame.to_dicts()[0]


def test_duckdbs_types_arrive_or_cost_their_row() -> None:
    query = """
        select '1' id, 18446744073709551616::hugeint big, map{'k': 1} m, {'a': [1]} s, 'x'::enum('x') e,
            1.5::decimal(9, 2) d, timestamptz '2026-01-01 00:00:00+02' t, 0.1::float f, uuid() u
        union all select '2', 1, map{}, {'a': []}, 'x', 1, 'infinity'::timestamptz, 1, uuid()
    """
    good, bad = read(duckdb.sql(query), "id", "big", "m", "s", "e", "d", "t", "f")
    assert good.content["big"] == 2**64
    assert (good.content["m"], good.content["s"], good.content["e"]) == ({"k": 1}, {"a": [1]}, "x")
    assert (good.content["d"], str(good.content["f"])) == (Decimal("1.50"), "0.1")
    assert good.content["t"] == datetime(2025, 12, 31, 22, tzinfo=UTC)
    assert bad.problem == "column t: holds a date outside of the years 1 to 9999; correct it"


def test_a_plan_for_a_frame_is_refused_with_what_makes_one_of_it() -> None:
    from airflow_profile_provider.options import require_records

    with pytest.raises(ConfigurationError, match=r"not LazyFrame: give collect\(\)"):
        require_records(pl.LazyFrame({"id": ["1"]}))
