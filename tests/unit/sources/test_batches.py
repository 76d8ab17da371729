"""Blocks: rows of a table, told apart without making Python objects of them."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import combinations
from typing import Any

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_profile_provider.ledger.fingerprints import Fingerprints
from airflow_profile_provider.records import ABSENT, Row
from airflow_profile_provider.sources.batches import ReadBatch, TupleBatch, batches_of
from airflow_profile_provider.sources.parquet import ColumnBatch

TEXTS = st.sampled_from(["", "-", " ", "1", "1 -", "- ", "a", "1 a", "\0", "å", "2 1 -"])
VALUES: list[tuple[pa.DataType, st.SearchStrategy[Any]]] = [
    (pa.string(), TEXTS),
    (pa.large_string(), TEXTS),
    (pa.dictionary(pa.int8(), pa.string()), TEXTS),
    (pa.binary(), st.sampled_from([b"", b"-", b"\xff", b"1 -"])),
    (pa.int64(), st.sampled_from([0, 1, -1, 11, 2**63 - 1])),
    (pa.float32(), st.sampled_from([0.0, -0.0, 1.5, float("nan"), float("inf")])),
    (pa.float64(), st.sampled_from([0.0, -0.0, 0.1, 0.1 + 2**-56, 1e300, float("nan")])),
    (pa.bool_(), st.booleans()),
    (pa.decimal128(9, 2), st.sampled_from([Decimal("1.00"), Decimal("-1.00"), Decimal("10.00")])),
    (pa.date32(), st.sampled_from([date(2026, 1, 1), date(1969, 12, 31)])),
    (pa.timestamp("us", "UTC"), st.sampled_from([datetime(2026, 1, 1, 0, 0, n, tzinfo=UTC) for n in (0, 1)])),
    (pa.list_(pa.string()), st.lists(TEXTS, max_size=2)),
    (pa.null(), st.none()),
]


@st.composite
def batches(draw: st.DrawFn) -> pa.RecordBatch:
    """A few rows of some columns, many of them alike."""
    columns = draw(st.lists(st.sampled_from(VALUES), min_size=1, max_size=3))
    number = draw(st.integers(0, 5))
    arrays = [
        pa.array(draw(st.lists(st.none() | values, min_size=number, max_size=number)), kind)
        for kind, values in columns
    ]
    return pa.record_batch(arrays, names=[f"c{n}" for n in range(len(columns))])


@settings(deadline=None)
@given(batches())
def test_columns_write_equal_rows_alike_and_others_not(batch: pa.RecordBatch) -> None:
    written = ColumnBatch(1, batch.schema.names, batch).texts()
    rows = [repr(row) for row in batch.to_pylist()]
    assert len(written) == len(rows)
    for (one, text), (other, second) in combinations(zip(rows, written, strict=True), 2):
        assert (text == second) == (one == other)


@settings(deadline=None)
@given(batches(), st.data())
def test_some_rows_are_those_of_the_whole_table_with_their_positions_and_fingerprints(
    batch: pa.RecordBatch, data: st.DataObject
) -> None:
    names, everything = batch.schema.names, batch.to_pylist()
    prints = [bytes([n]) for n in range(len(everything))]
    taken = sorted(data.draw(st.sets(st.sampled_from(range(len(everything)))) if everything else st.just([])))
    tuples = TupleBatch(7, names, [tuple(row.values()) for row in everything])
    for block in (ColumnBatch(7, names, batch), tuples):
        assert len(block) == len(everything)
        assert repr(block.keys()) == repr([row["c0"] for row in everything])
        rows = list(block.rows(taken, prints))
        assert repr([row.content for row in rows]) == repr([everything[index] for index in taken])
        assert [row.position for row in rows] == [7 + index for index in taken]
        assert [row.fingerprint for row in rows] == [prints[index] for index in taken]


def test_the_same_text_of_another_type_is_another_row() -> None:
    prints = Fingerprints(b"secret", "shape", "recipe", ["id", "n"])
    made = [
        prints.of_rows(ColumnBatch(1, ["id", "n"], pa.record_batch([["a"], [value]], names=["id", "n"])))
        for value in (1, "1", True)
    ]
    assert len({one for of_one in made for one in of_one}) == 3


def test_a_fingerprint_depends_on_the_secret_on_what_is_sent_and_on_nothing_else() -> None:
    def of(*given: str) -> bytes:
        prints = Fingerprints(given[0].encode(), *given[1:], ["id"])
        return prints.of_rows(ColumnBatch(1, ["id"], pa.record_batch([["a"]], names=["id"])))[0]

    made = {of("k", "s", "r"), of("other", "s", "r"), of("k", "other", "r"), of("k", "s", "other")}
    assert len(made) == 4
    assert of("k", "s", "r") in made


def test_values_by_column_are_those_of_the_rows_unless_one_cannot_be_read() -> None:
    batch = pa.record_batch([["a", "b"], [1, None]], names=["id", "n"])
    expected = {"id": ["a", "b"], "n": [1, None]}
    assert ColumnBatch(1, ["id", "n"], batch).values() == expected
    assert TupleBatch(1, ["id", "n"], [("a", 1), ("b", None)]).values() == expected
    assert TupleBatch(1, ["id"], [("a",)], perhaps_unreadable=True).values() is None
    late = pa.record_batch([pa.array([2**62], pa.timestamp("s"))], names=["at"])
    assert ColumnBatch(1, ["at"], late).values() is None


def test_rows_that_were_read_one_by_one_are_put_together_and_odd_ones_have_no_values() -> None:
    plain = [Row(2, {"id": "a", "n": ""}, text=True), Row(5, {"n": "1", "id": "b", "more": 2}, text=True)]
    odd = [
        Row(6, {"id": "c", "n": 1}, text=True, problem="is cut off"),
        Row(7, {"id": "c", "n": 1}, text=True, replayed=True),
        Row(8, {"id": "c", "n": 1}, text=True, refused="comes twice"),
        Row(9, {"id": "c", "verdict": "failed"}, text=True),
        Row(10, "c;1", text=True),
    ]
    typed = Row(11, {"id": "d"})
    (first, second) = batches_of([*plain, *odd, typed], ["id", "n"])
    assert (first.text, second.text) == (True, False)
    assert list(first.positions) == [2, 5, 6, 7, 8, 9, 10]
    assert first.keys() == ["a", "b", *[None] * 5]
    assert first.values() == {"id": ["a", "b", *[ABSENT] * 5], "n": ["", "1", *[ABSENT] * 5]}
    assert second.values() == {"id": ["d"], "n": [ABSENT]}
    assert list(first.rows([0, 2, 6])) == [plain[0], odd[0], odd[4]]
    assert list(first.rows([1, 2], [b"1", b"2", b"3"])) == [plain[1]._replace(fingerprint=b"2"), odd[0]]
    prints = Fingerprints(b"secret", "shape", "recipe", ["id", "n"])
    assert prints.of_rows(first)[:2] == [prints.of_row(row) for row in plain]
    assert len(set(first.texts())) == 7


def test_about_how_large_the_rows_are_is_known_before_they_are_looked_at() -> None:
    rows = [(f"{n:04}", "x" * 996) for n in range(1000)]
    columns = pa.table({"id": [row[0] for row in rows], "c": [row[1] for row in rows]}).to_batches()[0]
    read = ReadBatch([Row(n, {"id": row[0], "c": row[1]}) for n, row in enumerate(rows, 1)], ["id", "c"])
    for batch in (ColumnBatch(1, ["id", "c"], columns), TupleBatch(1, ["id", "c"], rows), read):
        assert 1_000_000 <= batch.size < 1_100_000
    assert ReadBatch([Row(1, "text", problem="odd")], ["id"]).size == 4
