"""Rows of a CSV file as spreadsheets, databases and data frames write them: text, under a line of names."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from io import StringIO
from itertools import chain
from typing import IO, Any

from airflow_profile_provider.errors import SourceError
from airflow_profile_provider.records import Row
from airflow_profile_provider.sources.lines import READ_BYTES, TooLong, blocks_of_lines, utf8_of
from airflow_profile_provider.sources.reading import Reading, named, require_named

NULL_WORDS = frozenset(
    {r"\N", "NULL", "null", "None", "NaN", "nan", "NaT", "N/A", "#N/A", "<NA>", "<null>", "(null)", "[NULL]"}
)
"""What exports write for nothing, and what may be somebody's value all the same."""

_DELIMITERS = {";": "semicolons", "\t": "tabs", "|": "pipes", ",": "commas"}
_SEP = re.compile(r'"?sep=(.|\\t)"?\s*', re.IGNORECASE)


def rows_of_csv(path: str, raw: IO[bytes], how: Reading) -> Iterator[Row]:
    """Read rows; an empty line, or one of delimiters only, is none.

    Raises:
        SourceError: a column is missing or there twice, or the table cannot be read any further.
    """
    table = _Table(named(path), raw, how)
    try:
        yield from table.rows()
    except csv.Error as error:
        raise SourceError(table.broken(str(error))) from None


class _Table:
    """A CSV file that is being read; names of its own columns and its cells stay out of messages."""

    def __init__(self, path: str, raw: IO[bytes], how: Reading) -> None:
        self._path = path
        self._how = how
        self._most = how.longest_line
        self._passed = 0  # characters handed out
        self._whole = 0  # of them, those of records that are complete
        self._is_odd = False  # whether there was a byte that is no UTF-8
        self._ended = 1  # the line of the last whole record
        self._lines = self._read(raw)
        csv.field_size_limit(max(csv.field_size_limit(), self._most + READ_BYTES))

    def _read(self, raw: IO[bytes]) -> Iterator[str]:
        for block in blocks_of_lines(utf8_of(raw, self._how.csv.encoding), self._most):
            if isinstance(block, TooLong) or self._passed - self._whole > self._most:
                raise SourceError(
                    f"{self._path}: the record after line {self._ended} has more than {self._most:,} bytes; "
                    "close the quote that it opens, or raise max_record_bytes"
                )
            try:
                text = block.decode()
            except UnicodeDecodeError:  # such bytes are kept, so that a bad line spoils only itself
                text, self._is_odd = block.decode("utf-8", "surrogateescape"), True
            self._passed += len(text)
            yield from StringIO(text, newline="")

    def rows(self) -> Iterator[Row]:
        """Read the rows, under the first line where that has the names."""
        given = self._how.csv
        first = next(self._lines, "")
        separator = _SEP.fullmatch(first)
        delimiter = given.delimiter or (separator[1] if separator else ",").replace(r"\t", "\t")
        lines = self._lines if separator else chain([first], self._lines)
        reader = _reader(lines, delimiter, given.quotechar)
        before = 1 if separator else 0
        header = given.header or next((cells for cells in reader if not _is_blank(cells)), None)
        if header is None:
            return
        names = self._names(header, delimiter)
        nulls = frozenset(self._how.null_values)
        odd = _OddWords(names, self._how)
        width = len(names)
        for cells in reader:
            self._ended = line = reader.line_num + before
            self._whole = self._passed
            if not (cells and cells[0].strip()) and _is_blank(cells):
                continue
            if given.header and _is_header(cells, given.header):
                continue
            if nulls and not nulls.isdisjoint(cells):
                cells = ["" if cell in nulls else cell for cell in cells]
            if odd.words and not odd.words.isdisjoint(cells):
                odd.tell(cells)
            if len(cells) != width:
                cells = _ended_alike(cells, names)
            if len(cells) == width and not self._is_odd:
                yield Row(line, dict(zip(names, cells, strict=True)), text=True)
            else:
                yield self._odd_row(line, names, cells)

    def _names(self, header: Sequence[str], delimiter: str) -> list[str]:
        """Return the columns' names, without spaces around them unless they are asked for so."""
        names = [name.strip() for name in header]
        columns = self._how.columns
        asked = {column.strip(): column for column in columns or ()}
        hint = ""
        if columns is not None and not set(asked) <= set(names):
            hint = self._hint(header, delimiter, set(asked))
        require_named(self._path, None if columns is None else list(asked), [n for n in names if n], hint)
        return [asked.get(name, name) for name in names]

    def _hint(self, header: Sequence[str], delimiter: str, asked: set[str]) -> str:
        """Say why columns are perhaps not found."""
        if self._how.csv.header:
            return "; csv's header names them"
        if self._is_odd and not "".join(header).isprintable():
            return f'. Its names are not {self._encoding}: say csv={{"encoding": …}}'
        return _other_delimiter(header, delimiter, asked, self._how.csv.quotechar)

    @property
    def _encoding(self) -> str:
        return self._how.csv.encoding or "UTF-8"

    def _odd_row(self, line: int, names: list[str], cells: list[str]) -> Row:
        content = dict(zip(names, cells, strict=False))
        if len(cells) != len(names):
            return Row(
                line,
                content,
                True,
                f"has {len(cells)} cells where the header has {len(names)}; write values with a delimiter in "
                "them in quotes",
            )
        try:
            "".join(cells).encode()
        except UnicodeEncodeError:
            shown = {
                name: cell.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
                for name, cell in content.items()
            }
            remedy = (
                "correct csv's encoding"
                if self._how.csv.encoding
                else "save the file so, or set csv's encoding"
            )
            return Row(line, shown, True, f"is not {self._encoding}; {remedy}")
        return Row(line, content, text=True)

    def broken(self, error: str) -> str:
        """Say where the table ends that goes on in no way that makes sense."""
        return (
            f"{self._path}: the record after line {self._ended} ends the table: {error}; fix the quoting (a "
            "quote within a quoted value is written twice)"
        )


class _OddWords:
    """Tells once of each needed column that one of its cells is a word that exports write for nothing."""

    def __init__(self, names: list[str], how: Reading) -> None:
        self._how = how
        needed = set(how.columns or ())
        self._places = {place: name for place, name in enumerate(names) if name in needed}
        self.words = NULL_WORDS.difference(how.null_values) if self._places else frozenset()

    def tell(self, cells: list[str]) -> None:
        for place, name in list(self._places.items()):
            if place < len(cells) and cells[place] in self.words:
                del self._places[place]
                self._how.warn(
                    f"Column {name!r} has the text {cells[place]}, which is pushed as a value; if it "
                    f"means null, set null_values=[{cells[place]!r}]"
                )
        if not self._places:
            self.words = frozenset()


def _is_blank(cells: list[str]) -> bool:
    return not any(cell.strip() for cell in cells)


def _ended_alike(cells: list[str], names: list[str]) -> list[str]:
    """Return cells where only the header, or only the line, ends in a delimiter as if both did."""
    if len(cells) == len(names) + 1 and not cells[-1]:
        return cells[:-1]
    if len(cells) == len(names) - 1 and not names[-1]:
        return [*cells, ""]
    return cells


def _reader(lines: Iterable[str], delimiter: str, quotechar: str | None) -> Any:
    """Return what splits lines into cells; "" as ``quotechar`` quotes nothing."""
    if quotechar == "":
        return csv.reader(lines, strict=True, delimiter=delimiter, quoting=csv.QUOTE_NONE)
    return csv.reader(lines, strict=True, delimiter=delimiter, quotechar=quotechar or '"')


def _is_header(cells: list[str], header: Sequence[str]) -> bool:
    """Whether a line is the names over again, which are no record."""
    return [cell.strip() for cell in cells] == list(header)


def _other_delimiter(header: Sequence[str], delimiter: str, asked: set[str], quotechar: str | None) -> str:
    """Say which delimiter a table seems to have where the one that was looked for splits it in vain."""
    line = delimiter.join(header)
    for other, name in _DELIMITERS.items():
        if other != delimiter and other in line:
            found = {cell.strip().strip(quotechar or '"') for cell in line.split(other)}
            if len(header) == 1 or not asked.isdisjoint(found):
                shown = r"\t" if other == "\t" else other
                return (
                    f'. Its columns seem to be separated by {name}: set csv={{"delimiter": "{shown}"}}, or '
                    f"put the line sep={shown} before the first one"
                )
    return ""
