"""What all expressions share: their columns, when they say something, and how they are written down."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Self

from airflow_profile_provider.errors import ConfigurationError, InvalidRecord
from airflow_profile_provider.options import is_for_later, is_nothing
from airflow_profile_provider.values import is_null, is_number, json_type, number_text, plain, unwrapped

Render = Callable[[Any], Any]


class Expression(ABC):
    """What one field of the vendor is made of. It is frozen: what it was made with is never changed.

    Its repr names columns and shows no value that is sent.
    """

    __slots__ = ()
    name: ClassVar[str]
    """How it is called in a DAG."""

    @property
    @abstractmethod
    def columns(self) -> tuple[str, ...]:
        """The columns that it reads."""

    @abstractmethod
    def arguments(self) -> list[Any]:
        """Return what makes another one like it, in JSON's types."""

    @abstractmethod
    def rendered(self, render: Render) -> Self:
        """Return it with its texts rendered, as a template field is."""

    @abstractmethod
    def _value(self, row: Mapping[str, Any], text: bool) -> Any:
        """Return the value for a row that has the columns; None is null."""

    @property
    def constants(self) -> tuple[Any, ...]:
        """The values that it may send as they stand."""
        return ()

    @property
    def spelt(self) -> str:
        """All that it was made with, as text: two are equal where this is. It holds values."""
        return json.dumps({self.name: self.arguments()}, sort_keys=True)

    @property
    def is_for_later(self) -> bool:
        """Whether a template in it is still to be rendered."""
        return is_for_later(self.arguments())

    def check(self) -> None:  # noqa: B027 -- most are checked when they are made
        """Refuse one that says nothing while its template is not rendered.

        Raises:
            ConfigurationError: saying who renders it.
        """

    def holds(self, row: Mapping[str, Any], *, replayed: bool = False) -> bool:
        """Whether a row says anything of the field; where it does not, the field is left alone.

        ``replayed``: the row has been through a push, which may have taken columns out.

        Raises:
            InvalidRecord: it says a part, of which no value can be made.
        """
        return any(column in row for column in self.columns)

    def add_to(
        self,
        fields: dict[str, Any],
        name: str,
        row: Mapping[str, Any],
        *,
        text: bool = False,
        replayed: bool = False,
    ) -> None:
        """Put the value that a row gives the field into ``fields``, if it gives any; None is null.

        ``text``: the row's cells have no types, and an empty one is null. See `holds` for ``replayed``.

        Raises:
            InvalidRecord: no value can be made, naming field and column and what to do.
        """
        try:
            if self.holds(row, replayed=replayed):
                fields[name] = self._value(row, text)
        except InvalidRecord as error:
            reason = f"field {name}: {error}"
        except Exception as error:  # noqa: BLE001 -- a value's own methods raise what they like
            kind = type(error).__name__
            reason = f"field {name}: {self.name} cannot read its columns ({kind}); convert them"
        else:
            return
        raise InvalidRecord(reason)

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and isinstance(other, Expression) and self.spelt == other.spelt

    def __hash__(self) -> int:
        return hash(self.spelt)

    def __repr__(self) -> str:
        return f"{self.name}({', '.join(map(repr, self.columns))})"


def is_missing(value: Any, text: bool) -> bool:
    """Whether a value is null, or an empty cell of a source without types."""
    return is_null(value) or (text and value == "")


def written(column: str, value: Any) -> str:
    """Return a value as text, with every digit.

    Raises:
        InvalidRecord: it is no text, number, boolean or date.
    """
    if type(value) is str:
        return value
    try:
        own = unwrapped(value)
        if isinstance(own, bool):
            return "true" if own else "false"
        found = number_text(own) if is_number(own) else plain(own)
    except InvalidRecord as error:
        raise InvalidRecord(f"column {column}: {error}") from None
    if not isinstance(found, str):
        raise InvalidRecord(f"column {column} holds {_article(json_type(found))}, not text: write it as text")
    return found


def _article(kind: str) -> str:
    return f"an {kind}" if kind[0] in "aeiou" else f"a {kind}"


def a_column(call: str, column: Any) -> str:
    """Return the name of a column.

    Raises:
        ConfigurationError: it is none.
    """
    if not isinstance(column, str) or is_nothing(column):
        raise ConfigurationError(f"{call} takes names of columns, as text, and not {_what(column)}")
    return column


def constant(call: str, value: Any) -> Any:
    """Return a value that is sent as it stands, in JSON's types.

    Raises:
        ConfigurationError: it cannot be written as JSON.
    """
    try:
        if is_null(value) and value is not None:
            raise InvalidRecord("write None for null")
        return plain(value)
    except (InvalidRecord, RecursionError) as error:
        why = str(error) if isinstance(error, InvalidRecord) else "it is nested too deeply"
        raise ConfigurationError(f"{call} has a value that cannot be sent: {why}") from None


def _what(value: Any) -> str:
    return "empty text" if isinstance(value, str) else type(value).__name__
