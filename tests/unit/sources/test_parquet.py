"""Parquet files: what their columns hold, as Python has it."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from airflow_profile_provider.adapters.files import open_file
from airflow_profile_provider.sources.files import blocks_of_parts, rows_of_file
from airflow_profile_provider.sources.reading import Reading


def test_parquet_keeps_its_types_and_reads_only_the_columns_that_are_needed(tmp_path: Path) -> None:
    path = str(tmp_path / "x.parquet")
    columns = {
        "id": pa.array([2**63], pa.uint64()),
        "day": [date(2026, 1, 2)],
        "sum": [Decimal("1.50")],
        "other": [1],
    }
    pq.write_table(pa.table(columns), path)
    (row,) = rows_of_file(path, open_file, Reading(columns=["id", "day", "sum"]))
    assert row.content == {"id": 2**63, "day": date(2026, 1, 2), "sum": Decimal("1.50")}


def test_text_that_is_none_spoils_only_its_own_row(tmp_path: Path) -> None:
    path = str(tmp_path / "broken.parquet")
    broken = pa.array([b"\xff\xfe", b"good"], pa.binary()).view(pa.string())
    pq.write_table(pa.table({"id": pa.array(["1", "2"]), "comment": broken}), path)
    blocks = blocks_of_parts([path], open_file, ["id", "comment"])
    assert blocks
    bad, good = next(blocks).rows([0, 1])
    assert bad.problem == "column comment: holds text that is not UTF-8; write it so"
    assert (good.problem, good.content) == ("", {"id": "2", "comment": "good"})
