"""Values that stand in the DAG: the same for every record, or looked up in a table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from airflow_profile_provider.errors import ConfigurationError, InvalidRecord
from airflow_profile_provider.fields.expression import (
    Expression,
    Render,
    a_column,
    constant,
    is_missing,
    written,
)
from airflow_profile_provider.values import read_as


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Const(Expression):
    """The same value for every record."""

    value: Any

    name = "const"

    def __post_init__(self) -> None:
        object.__setattr__(self, "value", constant("const", self.value))

    @property
    def columns(self) -> tuple[str, ...]:
        """None: it reads no column."""
        return ()

    @property
    def constants(self) -> tuple[Any, ...]:
        """The value."""
        return (self.value,)

    def arguments(self) -> list[Any]:
        """Return the value."""
        return [self.value]

    def rendered(self, render: Render) -> Self:
        """Render the value, and the texts within it."""
        return type(self)(render(self.value))

    def holds(self, row: Mapping[str, Any], *, replayed: bool = False) -> bool:
        """Every row has it."""
        return True

    def _value(self, row: Mapping[str, Any], text: bool) -> Any:
        return self.value

    def __repr__(self) -> str:
        return f"const({_shown(self.value)})"


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Lookup(Expression):
    """What a table says of a column's value."""

    column: str
    values: Mapping[Any, Any]
    default: Any = ...
    _by_text: Mapping[str | None, Any] = field(init=False)
    _by_boolean: bool = field(init=False)

    name = "lookup"

    def __post_init__(self) -> None:
        a_column("lookup", self.column)
        if not isinstance(self.values, Mapping) or not self.values:
            raise ConfigurationError(
                "lookup needs its table: a mapping of the column's value to what is sent"
            )
        keys = [key for key in self.values if key is not None]
        by_text: dict[str | None, Any] = {}
        for key, value in self.values.items():
            form = None if key is None else _key_of(key)
            if form in by_text:
                raise ConfigurationError("lookup has two keys that are the same text: take one out")
            by_text[form] = constant("lookup", value)
        object.__setattr__(self, "_by_text", by_text)
        object.__setattr__(self, "_by_boolean", bool(keys) and all(isinstance(key, bool) for key in keys))
        object.__setattr__(self, "values", dict(self.values))
        if self.default is not ...:
            object.__setattr__(self, "default", constant("lookup", self.default))

    @property
    def columns(self) -> tuple[str, ...]:
        """The one whose value is looked up."""
        return (self.column,)

    @property
    def constants(self) -> tuple[Any, ...]:
        """All values of the table, and the default."""
        return (*self._by_text.values(), *([] if self.default is ... else [self.default]))

    def arguments(self) -> list[Any]:
        """Return column, table and default."""
        table = [
            [key, self._by_text[key]]
            for key in sorted(self._by_text, key=lambda key: (key or "", key is None))
        ]
        given = [self.column, table, self._by_boolean]
        return given if self.default is ... else [*given, self.default]

    def rendered(self, render: Render) -> Self:
        """Render the column's name and the values; keys stay as they are."""
        values = {key: render(value) for key, value in self.values.items()}
        return type(self)(
            render(self.column), values, self.default if self.default is ... else render(self.default)
        )

    def _value(self, row: Mapping[str, Any], text: bool) -> Any:
        value = row[self.column]
        if is_missing(value, text):
            return self._by_text.get(None)
        key = written(self.column, self._boolean(value) if self._by_boolean else value)
        if type(value) is not str:
            key = _without_zeros(key)
        if key in self._by_text:
            return self._by_text[key]
        if self.default is ...:
            known = len(self._by_text) - (None in self._by_text)
            raise InvalidRecord(
                f"column {self.column} holds a value that is none of the {known} of its lookup: add it "
                "there, or give a default"
            )
        return self.default

    def _boolean(self, value: Any) -> Any:
        try:
            return read_as("boolean", value)
        except InvalidRecord as error:
            raise InvalidRecord(f"column {self.column}: {error}") from None

    def __repr__(self) -> str:
        number = len(self._by_text)
        table = f"{{{number} value{'s' if number != 1 else ''}}}"
        default = "" if self.default is ... else f", default={_shown(self.default)}"
        return f"lookup({self.column!r}, {table}{default})"


def _key_of(key: Any) -> str:
    """Return the text that a value is compared by."""
    try:
        text = written("", key)
    except InvalidRecord:
        raise ConfigurationError(
            f"lookup has a key of type {type(key).__name__}: keys are text, numbers, booleans, dates or None"
        ) from None
    return text if isinstance(key, str) else _without_zeros(text)


def _without_zeros(number: str) -> str:
    """Write 1.50 as 1.5, as it is the same number; other text stays as it is."""
    whole, point, places = number.partition(".")
    is_number = point and whole.lstrip("-").isdecimal() and places.isdecimal()
    return f"{whole}.{places}".rstrip("0").rstrip(".") if is_number else number


def _shown(value: Any) -> str:
    """Show what no profile tells by."""
    return repr(value) if value is None or isinstance(value, bool) else "…"
