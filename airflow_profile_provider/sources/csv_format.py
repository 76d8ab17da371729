"""How the cells of a CSV file are told apart and written, as ``csv=`` says it."""

from __future__ import annotations

import codecs
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any

from airflow_profile_provider.errors import ConfigurationError
from airflow_profile_provider.options import words

_NAMES = {"tab": "\t", r"\t": "\t"}


@dataclass(frozen=True, kw_only=True)
class CsvFormat:
    """The format of CSV files; what is None is found in the file, or as most write it.

    ``delimiter`` stands between cells, ``quotechar`` around those that hold one ("": nothing does).
    ``encoding`` is Python's name of one. ``header`` are the columns of a file without a line of names.
    ``null_values`` are texts that stand for null.
    """

    delimiter: str | None = None
    quotechar: str | None = None
    encoding: str | None = None
    header: tuple[str, ...] | None = None
    null_values: tuple[str, ...] = ()

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> CsvFormat:
        """Read what ``csv=`` was given.

        Raises:
            ConfigurationError: naming the first option that is unknown, or cannot be meant.
        """
        known = [one.name for one in fields(cls)]
        for name in given:
            if name not in known:
                raise ConfigurationError(f"csv has no option {_shown(name)}{_nearest(name, known)}")
        found = {name: _READERS[name](value) for name, value in given.items() if value is not None}
        if found.get("delimiter", ",") == found.get("quotechar", '"'):
            raise ConfigurationError("csv: delimiter and quotechar are the same character")
        return cls(**found)


USUAL = CsvFormat()
"""A format that says nothing."""


def _nearest(name: Any, known: list[str]) -> str:
    from difflib import get_close_matches

    near = get_close_matches(str(name).lower(), known, 1)
    return f": did you mean {near[0]!r}?" if near else f"; known are {', '.join(known)}"


def _shown(name: Any) -> str:
    return repr(name) if isinstance(name, str) and len(name) < 40 else f"of that {type(name).__name__}"


def _delimiter(value: Any) -> str:
    found = _NAMES.get(value, value) if isinstance(value, str) else value
    if not isinstance(found, str) or len(found) != 1 or found in '"\r\n\0':
        raise ConfigurationError(
            'csv: delimiter must be one character, such as ";" or "\\t", and no quote or end of a line'
        )
    return found


def _quotechar(value: Any) -> str:
    if not isinstance(value, str) or len(value) > 1 or value in {"\r", "\n", "\0"}:
        raise ConfigurationError('csv: quotechar must be one character, or "" where nothing is quoted')
    return value


def _encoding(value: Any) -> str | None:
    """Return Python's name of an encoding of text; None: UTF-8, as without the option."""
    try:
        found = codecs.lookup(value)
    except (LookupError, TypeError, ValueError):
        found = None
    if found is None or not found._is_text_encoding or found.incrementaldecoder is None:
        raise ConfigurationError('csv: encoding must be one that Python knows, such as "cp1252"')
    return None if found.name in {"utf-8", "utf-8-sig"} else found.name


def _header(value: Any) -> tuple[str, ...]:
    names = words("csv: header", value) or ()
    if not names:
        raise ConfigurationError("csv: header must name the columns, in their order; leave it out otherwise")
    return tuple(name.strip() for name in names)


_READERS: dict[str, Callable[[Any], Any]] = {
    "delimiter": _delimiter,
    "quotechar": _quotechar,
    "encoding": _encoding,
    "header": _header,
    "null_values": lambda value: words("csv: null_values", value) or (),
}
