"""Case 21a: a reject is replayed as it was."""

from __future__ import annotations

import json
import math
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_profile_provider.adapters.files import open_file
from airflow_profile_provider.push.outputs import Rejects
from airflow_profile_provider.records import Row, Verdict
from airflow_profile_provider.sources.files import rows_of_file
from airflow_profile_provider.values import Single, plain

from .scene import Scene

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(min_value=2**9_990, max_value=2**10_050)
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary()
    | st.decimals(allow_nan=False)
    | st.dates()
    | st.datetimes()
    | st.times()
    | st.uuids()
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text() | st.integers(), inner, max_size=3),
)


def replayed(folder: Path, row: Row, *, mapped: bool) -> Row:
    """Write a row as a reject, and read the file."""
    path = folder / "rejects.jsonl"
    rejects = Rejects(str(path), open_file, mapped=mapped)
    rejects.add(row, Verdict.INVALID, "why")
    rejects.close()
    (found,) = rows_of_file(str(path), open_file)
    return found


@settings(deadline=None, max_examples=150)
@given(content=st.dictionaries(st.text(min_size=1), VALUES, max_size=4), text=st.booleans())
def test_a_row_comes_back_with_its_types(tmp_path_factory: Any, content: dict[str, Any], text: bool) -> None:
    """Decimals, dates, bytes, names that are no text and integers of any length are what they were."""
    row = Row(7, content, text)
    found = replayed(tmp_path_factory.mktemp("r"), row, mapped=True)
    assert (found.content, found.text, found.problem) == (content, text, "")


def test_a_change_comes_back_with_its_types(tmp_path: Path) -> None:
    """A row that is a change already stays one, to be corrected in place."""
    fields = {"at": datetime(2026, 1, 2, 3, 4, 5, 6), "sum": Decimal("1.50"), "raw": b"\0\xff"}
    content = {"key": UUID(int=7), "fields": fields}
    found = replayed(tmp_path, Row(1, content), mapped=False)
    assert {name: found.content[name] for name in content} == content


@pytest.mark.parametrize("name", ["rejects.jsonl.gz", "REJECTS.JSONL.GZ"])
def test_a_file_is_packed_as_its_name_will_be_read(tmp_path: Path, name: str) -> None:
    rejects = Rejects(str(tmp_path / name), open_file, mapped=True)
    rejects.add(Row(1, {"a": "x"}), Verdict.INVALID, "why")
    rejects.close()
    (found,) = rows_of_file(str(tmp_path / name), open_file)
    assert found.content == {"a": "x"}


@pytest.mark.parametrize("null", [math.nan, Decimal("nan"), Decimal("snan"), "NaT", "NA"])
def test_nothing_stays_nothing(tmp_path: Path, null: Any) -> None:
    """What stands for null in a table is null in the file, too."""
    if null in ("NaT", "NA"):
        null = getattr(pytest.importorskip("pandas"), null)
    assert replayed(tmp_path, Row(1, {"a": null}), mapped=True).content == {"a": None}


@pytest.mark.parametrize("value", [2.0**53, 3.402823466e38, -1e16, Single(2.0**24), Single(0.5)])
def test_a_float_that_may_have_lost_digits_comes_back_as_one(tmp_path: Path, value: float) -> None:
    """Read as the digits that stand in the file, it would be pushed as if it had all of them."""
    found = replayed(tmp_path, Row(1, {"v": value, "in": [{"v": value}]}), mapped=True).content
    assert [(type(each), each) for each in (found["v"], found["in"][0]["v"])] == [(type(value), value)] * 2


def test_values_of_numpy_and_pandas_come_back_as_they_are_sent(tmp_path: Path) -> None:
    """Case 21a: single precision keeps its own digits, and a moment is no integer of nanoseconds."""
    np, pd = pytest.importorskip("numpy"), pytest.importorskip("pandas")
    moment = "2021-06-09T03:02:37.123456789"
    content = {
        "single": np.float32(0.1),
        "singles": np.array([0.1, 0.2], np.float32),
        "at": np.datetime64(moment),
        "times": np.array([moment], "datetime64[ns]"),
        "stamp": pd.Timestamp(moment, tz="Europe/Paris"),
    }
    found = replayed(tmp_path, Row(1, content), mapped=True)
    assert found.problem == ""
    assert {name: plain(value) for name, value in found.content.items()} == {
        "single": 0.1,
        "singles": [0.1, 0.2],
        "at": "2021-06-09T03:02:37.123456",
        "times": ["2021-06-09T03:02:37.123456"],
        "stamp": "2021-06-09T03:02:37.123456+02:00",
    }


def test_rows_that_lack_a_column_can_be_replayed(scene: Scene) -> None:
    """Others of their source had that column; a file of rejects alone is no table that lacks it."""
    how: dict[str, Any] = {"key": "id", "fields": ["comment", "full_name"], "ledger_conn_id": None}
    first = scene.push([{"id": "1", "full_name": b"no text"}, {"id": "2", "comment": "x"}], **how)
    assert [line["row"].keys() for line in first.rejects] == [{"id", "full_name"}]
    kept = scene.folder / "kept.jsonl"
    kept.write_text((scene.folder / "rejects.jsonl").read_text())
    again = scene.push(str(kept), **how)
    assert again.report is not None
    assert (again.report.received, again.report.invalid, again.report.complete) == (1, 1, True)


@pytest.mark.parametrize("value", [timedelta(1), object(), 1j, time(1).__class__])
def test_what_no_file_can_hold_stays_refused(tmp_path: Path, value: Any) -> None:
    """It does not become the text of itself; put right in the file, it is taken."""
    found = replayed(tmp_path, Row(1, {"a": value, "b": date(2026, 1, 1)}), mapped=True)
    assert "a: held a value of type" in found.problem
    path = tmp_path / "rejects.jsonl"
    line = json.loads(path.read_text())
    line["row"]["a"] = "corrected"
    path.write_text(json.dumps(line) + "\n")
    (again,) = rows_of_file(str(path), open_file)
    assert (again.content, again.problem) == ({"a": "corrected", "b": date(2026, 1, 1)}, "")


def test_a_nan_is_cleared_when_its_reject_is_replayed(scene: Scene) -> None:
    """Case 21a: the vendor's name does not become "nan"."""
    how: dict[str, Any] = {"key": "id", "fields": ["comment"], "ledger_conn_id": None}
    scene.vendor.profiles["1"] = {"comment": "old"}
    first = scene.push([{"id": "1", "comment": math.nan}], **how)
    assert first.report is not None
    assert first.report.invalid == 1
    kept = scene.folder / "kept.jsonl"
    kept.write_text((scene.folder / "rejects.jsonl").read_text())
    scene.push(str(kept), nulls="clear", **how)
    assert "nan" not in str(scene.vendor.profiles["1"]).lower()
