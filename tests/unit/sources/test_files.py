"""Rows from files and lists: what is read, and what happens to what cannot be."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, Any, cast

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from airflow_profile_provider.errors import ConfigurationError, SourceError
from airflow_profile_provider.records import Row
from airflow_profile_provider.sources.files import rows_of_file
from airflow_profile_provider.sources.reading import Reading


def open_file(path: str, mode: str) -> IO[bytes]:
    return cast("IO[bytes]", Path(path).open(mode))


Write = Callable[[str, bytes], str]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(name: str, content: bytes) -> str:
        (tmp_path / name).write_bytes(content)
        return str(tmp_path / name)

    return write


def read(path: str, columns: Sequence[str] | None = None, **how: Any) -> list[Row]:
    return list(rows_of_file(path, open_file, Reading(columns=columns, **how)))


@pytest.mark.parametrize("ending", ["", ".gz"])
def test_json_lines_are_numbered_by_line_and_a_bad_one_spoils_only_itself(write: Write, ending: str) -> None:
    lines = b'{"a": 1}\n\n{"a": 2\n[3]\n"\xff"\n{"a": "\xc3\xa9"}'
    rows = read(write(f"x.jsonl{ending}", gzip.compress(lines) if ending else lines))
    assert [row.position for row in rows] == [1, 3, 4, 5, 6]
    assert [bool(row.problem) for row in rows] == [False, True, True, True, False]
    assert "column" in rows[1].problem
    assert rows[-1].content == {"a": "é"}


@pytest.mark.parametrize("ending", ["", ".gz"])
def test_a_csv_is_text_with_a_header(write: Write, ending: str) -> None:
    table = '\ufeffid,name\n1,"Ada, née\nByron"\n\n2,\n'.encode()
    rows = read(write(f"x.csv{ending}", gzip.compress(table) if ending else table), ["id"])
    assert [row.content for row in rows] == [{"id": "1", "name": "Ada, née\nByron"}, {"id": "2", "name": ""}]
    assert all(row.text for row in rows)


def test_a_csv_line_with_too_few_cells_is_invalid_rather_than_null(write: Write) -> None:
    rows = read(write("x.csv", b"id,name,mail\n1,a\n2,b,c\n3,d,e,f\n"))
    assert [row.problem[:11] for row in rows] == ["has 2 cells", "", "has 4 cells"]


def test_a_csv_line_that_is_not_utf_8_spoils_only_itself(write: Write) -> None:
    rows = read(write("x.csv", b"id,name\n1,M\xfcller\n2,Ada\n"))
    assert [bool(row.problem) for row in rows] == [True, False]


def test_a_csv_whose_quote_never_closes_does_not_swallow_the_rest_in_silence(write: Write) -> None:
    with pytest.raises(SourceError, match="quoting"):
        read(write("x.csv", b'id,name\n1,"Ada\n2,Bea\n'))


@pytest.mark.parametrize(("name", "content"), [("x.csv", b"id,name\n1,a\n"), ("x.parquet", b"")])
def test_a_table_without_a_column_that_is_needed_is_refused_before_a_row_is_read(
    write: Write, tmp_path: Path, name: str, content: bytes
) -> None:
    path = write(name, content)
    if name.endswith("parquet"):
        pq.write_table(pa.table({"id": [1], "name": ["a"]}), path)
    with pytest.raises(SourceError, match="no column 'mail'; it has 2 columns"):
        read(path, ["id", "mail"])


@pytest.mark.parametrize("name", ["x.jsonl", "x.csv.gz", "x.parquet"])
def test_a_path_that_cannot_be_opened_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(SourceError, match=name):
        read(str(tmp_path / name))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("x.jsonl.gz", gzip.compress(b'{"a": 1}\n' * 9999)[:-9]),
        ("x.jsonl.gz", b"plain"),
        ("x.parquet", b"PAR1"),
    ],
    ids=["cut", "not packed", "no footer"],
)
def test_a_broken_file_says_so(write: Write, name: str, content: bytes) -> None:
    with pytest.raises(SourceError, match="cannot be read"):
        read(write(name, content))


def test_an_unknown_ending_names_those_that_are_known(write: Write) -> None:
    with pytest.raises(ConfigurationError, match=r"\.jsonl.*\.parquet"):
        read(write("x.xlsx", b""))


def test_a_line_of_the_rejects_is_read_as_the_row_it_was(write: Write) -> None:
    line = {
        "row": {"id": "1", "on": "true"},
        "text": True,
        "verdict": "invalid",
        "reason": "x",
        "position": 4,
    }
    (row,) = read(write("rejects.jsonl", json.dumps(line).encode()))
    assert (row.content, row.text) == ({"id": "1", "on": "true"}, True)
