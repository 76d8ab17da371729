"""CSV as it is written elsewhere: other delimiters, quotes and encodings, no line of names."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from airflow_profile_provider.adapters.files import open_file
from airflow_profile_provider.errors import ConfigurationError, SourceError
from airflow_profile_provider.push.options import PushOptions
from airflow_profile_provider.records import Row
from airflow_profile_provider.sources.csv_format import CsvFormat
from airflow_profile_provider.sources.files import rows_of_file
from airflow_profile_provider.sources.reading import Reading

Read = Callable[..., list[Row]]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    def read(content: bytes, columns: list[str] | None = None, **csv: Any) -> list[Row]:
        path = tmp_path / "people.csv"
        path.write_bytes(content)
        return list(rows_of_file(str(path), open_file, Reading(columns=columns, csv=CsvFormat.of(csv))))

    return read


@pytest.mark.parametrize(
    ("delimiter", "written"), [(";", ";"), ("\t", "\t"), ("\\t", "\t"), ("tab", "\t"), ("|", "|"), ("¦", "¦")]
)
def test_any_character_may_stand_between_cells(read: Read, delimiter: str, written: str) -> None:
    table = f'id{written}name\n1{written}"a{written}b"\n'.encode()
    (row,) = read(table, ["id", "name"], delimiter=delimiter)
    assert row.content == {"id": "1", "name": f"a{written}b"}


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("cp1252", "Müller €"),
        ("latin-1", "Müller"),
        ("cp037", "Mueller"),
        ("utf-16-le", "Мария"),
        ("shift_jis", "山田"),
        ("gb18030", "李"),
        ("iso2022_jp", "山田"),
        ("utf-8", "Müller 李"),
    ],
)
def test_any_encoding_may_be_named(read: Read, encoding: str, text: str) -> None:
    (row,) = read(f"id;name\n1;{text}\n".encode(encoding), ["name"], encoding=encoding, delimiter=";")
    assert (row.content["name"], row.problem) == (text, "")


@pytest.mark.parametrize(("mark", "encoding"), [(b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16-le")])
def test_a_mark_in_the_file_is_the_last_word_on_its_encoding(read: Read, mark: bytes, encoding: str) -> None:
    (row,) = read(mark + "id,name\n1,Müller\n".encode(encoding), ["id"], encoding="cp1252")
    assert row.content == {"id": "1", "name": "Müller"}


def test_bytes_that_the_encoding_does_not_have_spoil_their_line_alone(read: Read) -> None:
    rows = read(b"id,name\n1,\x81\n2,M\xfcller\n", ["id"], encoding="cp1252")
    assert [row.problem for row in rows] == ["is not cp1252; correct csv's encoding", ""]
    assert rows[1].content["name"] == "Müller"


def test_a_header_names_the_columns_of_a_file_without_names(read: Read) -> None:
    rows = read(b"1;Ada\n\n2;Bea\n", ["id", "name"], delimiter=";", header=["id", "name"])
    assert [(row.position, row.content) for row in rows] == [
        (1, {"id": "1", "name": "Ada"}),
        (3, {"id": "2", "name": "Bea"}),
    ]


def test_a_line_of_the_same_names_is_no_record(read: Read) -> None:
    rows = read(b"id,name\n1,Ada\n", ["id"], header=["id", "name"])
    assert [row.content["id"] for row in rows] == ["1"]


def test_without_quotes_a_quote_is_a_character(read: Read) -> None:
    (row,) = read(b'id,name\n1,5" pipe\n', ["id"], quotechar="")
    assert row.content["name"] == '5" pipe'


def test_another_quote_may_be_named(read: Read) -> None:
    (row,) = read(b"id,name\n1,'a, \"b\"'\n", ["id"], quotechar="'")
    assert row.content["name"] == 'a, "b"'


@pytest.mark.parametrize(
    ("table", "csv", "seems"),
    [
        (b"id;mail\n1;x\n", {}, r'semicolons: set csv=\{"delimiter": ";"\}'),
        (b"id\tmail\n1\tx\n", {}, r'tabs: set csv=\{"delimiter": "\\t"\}'),
        (b"id,mail\n1,x\n", {"delimiter": ";"}, r'commas: set csv=\{"delimiter": ","\}'),
        (b"sep=,\nid;mail\n1;x\n", {}, r'semicolons: set csv=\{"delimiter": ";"\}'),
    ],
)
def test_a_column_that_is_not_found_makes_the_error_name_the_delimiter(
    read: Read, table: bytes, csv: dict[str, Any], seems: str
) -> None:
    with pytest.raises(SourceError, match=f"no column 'id', 'mail'.*separated by {seems}"):
        read(table, ["id", "mail"], **csv)


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"delimeter": ";"}, "csv has no option 'delimeter': did you mean 'delimiter'?"),
        ({"escape": "x"}, "csv has no option 'escape'; known are delimiter, quotechar, encoding, header"),
        ({"delimiter": ";;"}, "delimiter must be one character"),
        ({"delimiter": '"'}, "delimiter must be one character"),
        ({"delimiter": 1}, "delimiter must be one character"),
        ({"quotechar": "''"}, "quotechar must be one character"),
        ({"delimiter": "'", "quotechar": "'"}, "the same character"),
        ({"encoding": "cp12521"}, "encoding must be one that Python knows"),
        ({"encoding": "rot13"}, "encoding must be one that Python knows"),
        ({"header": []}, "header must name the columns"),
        ({"header": "id"}, "csv: header must be a list of texts"),
        ({"null_values": "NA"}, "csv: null_values must be a list of texts"),
        ("a;b", "csv must be a mapping"),
        ([("delimiter", ";")], "csv must be a mapping"),
        ("", "csv is empty text"),
    ],
)
def test_what_cannot_be_meant_is_refused_by_name(given: Any, problem: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        PushOptions.read({"csv": given})
    assert problem in str(raised.value)


@pytest.mark.parametrize("given", ['{"delimiter": ";"}', "{'delimiter': ';'}", {"delimiter": ";"}])
def test_a_mapping_may_be_text_that_a_template_made(given: Any) -> None:
    assert PushOptions.read({"csv": given}).csv == CsvFormat(delimiter=";")
