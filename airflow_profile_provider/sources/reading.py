"""How a source is read: which of its columns, up to what size, and what its reader says of it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Any

from airflow_profile_provider.errors import ProfileError, SourceError
from airflow_profile_provider.sources.csv_format import USUAL, CsvFormat

Open = Callable[[str, str], IO[bytes]]
"""Opens a path in a mode ("rb" or "wb")."""

PartsOf = Callable[[str], Iterable[str]]
"""Returns the files that a path stands for."""

LEAST_BYTES = 65_536
"""So much of a line is read, and of a row kept, however small ``max_record_bytes`` is."""


@dataclass(frozen=True, kw_only=True)
class Reading:
    """How the rows of a source are read.

    ``columns`` are those that the push needs; None: all. ``max_record_bytes`` is the largest change that is
    sent. ``null_values`` are the texts that stand for null in a source without types. ``csv`` says how CSV
    files are written. ``warn`` hears what is read and may not be meant so.
    """

    columns: Sequence[str] | None = None
    max_record_bytes: int = 1_000_000
    null_values: Collection[str] = ()
    csv: CsvFormat = USUAL
    warn: Callable[[str], object] = lambda words: None

    @property
    def longest_line(self) -> int:
        """How many bytes of a line, or of a record of several lines, are read.

        More than a change may have: JSON may be written wastefully, and hold what the push does not need.
        """
        return max(4 * self.max_record_bytes, LEAST_BYTES)


@contextmanager
def source_errors(path: str) -> Iterator[None]:
    """Tell whatever a storage raises as an error of the source, without words that may hold values.

    Raises:
        SourceError: the file cannot be read, or not any further.
    """
    try:
        yield
    except ProfileError:
        raise
    except Exception as error:  # noqa: BLE001 -- each storage, driver and format has its own
        raise SourceError(f"{named(path)} cannot be read: {words_of(error)}") from None


def words_of(error: Exception) -> str:
    """Say what happened by the system's words or by the error's type."""
    return getattr(error, "strerror", None) or type(error).__name__


def named(path: str) -> str:
    """Return a path as errors name it; text that is no path may be somebody's records."""
    looks_like_one = (
        len(path) < 1000 and path.isprintable() and not re.match(r"\s*[\[{(]|select\s", path, re.I)
    )
    return path if looks_like_one else "records"


def require_named(source: str, columns: Iterable[str] | None, found: Sequence[str], hint: str = "") -> None:
    """Refuse a table that lacks one of the columns, or has it twice; None: any that it has.

    Raises:
        SourceError: naming the columns that are missing, or there twice, and no other: those may be the
            values of a table without names.
    """
    columns = list(dict.fromkeys(found if columns is None else columns))
    if missing := [column for column in columns if column not in found]:
        raise SourceError(f"{source} has no column {quoted(missing)}; {of_columns(found, missing)}{hint}")
    number = Counter(found)
    if twice := [column for column in columns if number[column] > 1]:
        raise SourceError(
            f"{source} has column {quoted(twice)} more than once; give each a name of its own, or take the "
            "other out"
        )


def of_columns(found: Collection[str], missing: Iterable[str]) -> str:
    """Say how many columns there are, and which of them are spelled nearly as those that are missing."""
    wanted = {_bare(name) for name in missing}
    near = [name for name in found if _bare(name) in wanted]
    number = f"it has {len(found)} column{'' if len(found) == 1 else 's'}"
    return f"{number}, among them {quoted(near)}" if near else number


def quoted(names: Iterable[Any]) -> str:
    """Write names between quotation marks."""
    return ", ".join(repr(name) for name in names)


def _bare(name: Any) -> str:
    return re.sub(r"[\W_]+", "", str(name)).casefold()
