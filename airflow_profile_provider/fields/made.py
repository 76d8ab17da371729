"""Values that are made of columns: read as JSON, joined, hashed, or the first that is there."""

from __future__ import annotations

import hashlib
import re
import string
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Self
from unicodedata import normalize as in_form

from airflow_profile_provider.errors import ConfigurationError, InvalidRecord
from airflow_profile_provider.fields.expression import Expression, Render, a_column, is_missing, written
from airflow_profile_provider.options import is_for_later, require_choice
from airflow_profile_provider.values import read_strict_json

_EMAIL = re.compile(r"[^\s@]+@[^\s@]+")
_PUNCTUATION = re.compile(r"[\s().\-/\u2010-\u2015]+")
_TRUNK = re.compile(r"\(\s*0\s*\)")
_PHONE = re.compile(r"\+?\d{5,20}", re.ASCII)
_ALGORITHMS = tuple(sorted(name for name in hashlib.algorithms_guaranteed if not name.startswith("shake")))


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class FromJson(Expression):
    """What the JSON text of a column holds."""

    column: str

    name = "from_json"

    def __post_init__(self) -> None:
        a_column("from_json", self.column)

    @property
    def columns(self) -> tuple[str, ...]:
        """The one that is read."""
        return (self.column,)

    def arguments(self) -> list[Any]:
        """Return the column."""
        return [self.column]

    def rendered(self, render: Render) -> Self:
        """Render the column's name."""
        return type(self)(render(self.column))

    def _value(self, row: Mapping[str, Any], text: bool) -> Any:
        value = row[self.column]
        if is_missing(value, text):
            return None
        if not isinstance(value, str | bytes):
            return value
        try:
            return read_strict_json(value)
        except (ValueError, RecursionError):
            raise InvalidRecord(
                f"column {self.column} holds text that is not JSON: correct it, or push the column as it is"
            ) from None


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Joined(Expression):
    """Text that is made of several columns."""

    template: str
    given: tuple[str, ...]
    _parts: tuple[tuple[str, str | None], ...] | None = field(init=False)

    name = "joined"

    def __post_init__(self) -> None:
        object.__setattr__(self, "given", tuple(a_column("joined", column) for column in self.given))
        if not isinstance(self.template, str):
            raise ConfigurationError(
                f'joined takes a template first, such as "{{}} {{}}", and not {type(self.template).__name__}'
            )
        is_waiting = is_for_later(self.template)
        object.__setattr__(self, "_parts", None if is_waiting else tuple(_parts(self.template, self.given)))

    @property
    def columns(self) -> tuple[str, ...]:
        """Those that are joined."""
        return self.given

    def arguments(self) -> list[Any]:
        """Return template and columns."""
        return [self.template, *self.given]

    def rendered(self, render: Render) -> Self:
        """Render the names of the columns, and a template that is one of Jinja's, too."""
        template = render(self.template) if self._parts is None else self.template
        return type(self)(template, tuple(render(column) for column in self.given))

    def check(self) -> None:
        """Refuse a template that is still one of Jinja's.

        Raises:
            ConfigurationError: saying who renders it.
        """
        if self._parts is None:
            raise ConfigurationError(
                "joined has a template with {{, which only an operator renders: a place is {}, and a brace "
                "cannot be part of the text"
            )

    def holds(self, row: Mapping[str, Any], *, replayed: bool = False) -> bool:
        """Whether the row has all of the columns.

        Raises:
            InvalidRecord: it has some of them.
        """
        missing = [column for column in self.given if column not in row]
        if not missing or replayed or len(missing) == len(set(self.given)):
            return not missing
        raise InvalidRecord(
            f"column {missing[0]} is missing: joined needs all of its columns, or none is sent"
        )

    def _value(self, row: Mapping[str, Any], text: bool) -> Any:
        if any(is_missing(row[column], text) for column in self.given):
            return None
        parts = self._parts or ()
        return "".join([before + ("" if of is None else written(of, row[of])) for before, of in parts])

    def __repr__(self) -> str:
        return f"joined({', '.join(map(repr, (self.template, *self.given)))})"


def _parts(template: str, columns: tuple[str, ...]) -> Iterator[tuple[str, str | None]]:
    """Yield each text of a template, and the column that comes after it.

    Raises:
        ConfigurationError: its places are not those of the columns.
    """
    how = 'write {} for each column, in their order, or {column}: joined("{} {}", "first_name", "last_name")'
    try:
        found = list(string.Formatter().parse(template))
    except ValueError:
        raise ConfigurationError(f"joined has a template with a brace that is no place: {how}") from None
    used: list[str] = []
    for before, place, form, conversion in found:
        if place is None:
            yield before, None
            continue
        if form or conversion:
            raise ConfigurationError(f"joined writes values as they are, without a format: {how}")
        number = len(used) if place == "" else int(place) if place.isdecimal() else None
        if number is not None and number < len(columns):
            place = columns[number]
        elif place not in columns:
            raise ConfigurationError(f"joined has a place without a column in its template: {how}")
        used.append(place)
        yield before, place
    if not used or set(columns) - set(used):
        raise ConfigurationError(f"joined has a column without a place in its template: {how}")


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Hashed(Expression):
    """The hash of a column's text."""

    column: str
    algorithm: str = "sha256"
    normalize: str | None = None

    name = "hashed"

    def __post_init__(self) -> None:
        a_column("hashed", self.column)
        if not is_for_later(self.algorithm):
            require_choice("the algorithm of hashed", self.algorithm, _ALGORITHMS)
        if self.normalize is not None and not is_for_later(self.normalize):
            require_choice("normalize of hashed", self.normalize, ("email", "phone"))

    @property
    def columns(self) -> tuple[str, ...]:
        """The one that is hashed."""
        return (self.column,)

    def arguments(self) -> list[Any]:
        """Return column, algorithm and what is normalized."""
        return [self.column, self.algorithm, self.normalize]

    def rendered(self, render: Render) -> Self:
        """Render each of them."""
        normalize = None if self.normalize is None else render(self.normalize)
        return type(self)(render(self.column), render(self.algorithm), normalize)

    def _value(self, row: Mapping[str, Any], text: bool) -> Any:
        value = row[self.column]
        if is_missing(value, text):
            return None
        spelling = written(self.column, value)
        if self.normalize == "email":
            spelling = _email(self.column, spelling)
        elif self.normalize == "phone":
            spelling = _phone(self.column, spelling)
        try:
            content = spelling.encode()
        except UnicodeEncodeError:
            raise InvalidRecord(
                f"column {self.column} holds half of a surrogate pair, which is no text: correct it"
            ) from None
        return hashlib.new(self.algorithm, content, usedforsecurity=False).hexdigest()

    def __repr__(self) -> str:
        more = f", {self.algorithm!r}" if self.algorithm != "sha256" else ""
        more += f", normalize={self.normalize!r}" if self.normalize else ""
        return f"hashed({self.column!r}{more})"


def _email(column: str, text: str) -> str:
    found = in_form("NFC", text).strip().lower()
    if not _EMAIL.fullmatch(found):
        raise InvalidRecord(f"column {column} holds no e-mail address: correct it")
    return found


def _phone(column: str, text: str) -> str:
    """Write a number as it is dialled; the zero in +49 (0) 30 is not, from abroad."""
    bare = text.strip()
    if bare.startswith(("+", "00")):
        bare = _TRUNK.sub("", bare)
    digits = _PUNCTUATION.sub("", bare)
    found = f"+{digits[2:]}" if digits.startswith("00") else digits
    if not _PHONE.fullmatch(found):
        raise InvalidRecord(f"column {column} holds no telephone number: correct it")
    return found


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class FirstOf(Expression):
    """The first of some columns that holds something."""

    given: tuple[str, ...]

    name = "first_of"

    def __post_init__(self) -> None:
        if not self.given:
            raise ConfigurationError("first_of needs the names of columns")
        object.__setattr__(self, "given", tuple(a_column("first_of", column) for column in self.given))

    @property
    def columns(self) -> tuple[str, ...]:
        """Those of which one is taken."""
        return self.given

    def arguments(self) -> list[Any]:
        """Return the columns."""
        return list(self.given)

    def rendered(self, render: Render) -> Self:
        """Render the names of the columns."""
        return type(self)(tuple(render(column) for column in self.given))

    def _value(self, row: Mapping[str, Any], text: bool) -> Any:
        there = [row[column] for column in self.given if column in row]
        values = [value for value in there if not is_missing(value, text)]
        return next((value for value in values if not _is_empty(value)), values[0] if values else None)


def _is_empty(value: Any) -> bool:
    return isinstance(value, str) and not value
