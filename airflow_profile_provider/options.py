"""Arguments of a push, read as they were meant: a template makes text of everything, and "None" of nothing.

Whatever cannot be meant is one ConfigurationError that names the argument and never repeats its text, which
may be records. None always means: not given.
"""

from __future__ import annotations

import ast
import inspect
import json
import math
import os
import re
from collections.abc import Collection, KeysView, Mapping, Sequence, Set, ValuesView
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias, TypeVar

from airflow_profile_provider.errors import ConfigurationError

Action = Literal["push", "plan", "baseline", "audit", "repair"]
Nulls = Literal["clear", "skip", "invalid"]
IfEmpty = Literal["fail", "ok"]
IfDuplicate = Literal["last", "invalid", "fail"]
OnAbsent = Literal["ignore", "report"]

if TYPE_CHECKING:

    class Opens(Protocol):
        """Whatever opens a file that is kept anywhere, such as an `ObjectStoragePath`."""

        def open(self, *args: Any, **kwargs: Any) -> Any:
            """Open it."""

    AnyPath: TypeAlias = str | os.PathLike[str] | Opens

_Choice = TypeVar("_Choice", bound=str)

HISTORY_DAYS = 14
"""How long a line of the history is kept, by default."""
_NOTHING = frozenset({"", "none", "null", "nan", "undefined"})
_TRUE = frozenset({"true", "yes", "on", "1"})
_FALSE = frozenset({"false", "no", "off", "0"})
_LONGEST = 100_000
TABLES = ("__arrow_c_stream__", "__dataframe__")
"""What the class of a table has, whoever made it: Arrow's way to hand columns over, or the older one."""
_COLLECTED = ("collect", "toPandas", "compute")
"""What makes a table of a plan for one: Polars' lazy frames, Spark's, Dask's."""


def is_nothing(value: Any) -> bool:
    """Whether value is text that a template makes of nothing."""
    return isinstance(value, str) and value.strip().lower() in _NOTHING


def is_text_of_records(value: Any) -> bool:
    """Whether value is text that a template made of records, of a table or of any other object.

    What Jinja is still to render is none.
    """
    if not isinstance(value, str):
        return False
    text = value.strip()
    if text.startswith(("{{", "{%", "{#")):
        return False
    bracketed = text[:1] + text[-1:] in {"[]", "{}", "()", "<>"} or text[:2] in {"b'", 'b"'}
    return bracketed or "\n" in text


def is_template(text: str) -> bool:
    """Whether Jinja is still to render a text."""
    return any(sign in text for sign in ("{{", "{%", "{#"))


def is_for_later(value: Any) -> bool:
    """Whether a value, or a part of it, is known only when the task runs: a template, or a task's output."""
    if isinstance(value, str):
        return is_template(value)
    if isinstance(value, Mapping):
        return any(map(is_for_later, (*value, *value.values())))
    if hasattr(type(value), "is_for_later"):  # an expression
        return bool(value.is_for_later)
    if isinstance(value, list | tuple | Set):
        return any(map(is_for_later, value))
    is_path = isinstance(value, os.PathLike) or hasattr(type(value), "open")
    return hasattr(type(value), "resolve") and not is_path


def refuse_text(name: str, value: Any) -> None:
    """Refuse text where only a template may be text: Jinja has not been there yet.

    Raises:
        ConfigurationError: saying what to write.
    """
    if isinstance(value, str):
        short = re.fullmatch(r"\s*[\w.]{1,20}\s*", value)
        how = f": write {name}={value.strip()}" if short else ""
        raise ConfigurationError(f"{name} is text and no template{how}")


def text(name: str, value: Any, *, strip: bool = True) -> str | None:
    """Read an argument that is a word, the name of a column or an id."""
    if value is None:
        return None
    if not isinstance(value, str):
        raise _must(name, "text", value)
    if is_nothing(value) and not (name == "quota" and value.strip() == "none"):
        raise _rendered_to_nothing(name)
    if strip and is_text_of_records(value):
        raise ConfigurationError(f"{name} rendered to the text of records: give its own value")
    return value.strip() if strip else str(value)


def path(name: str, value: Any) -> str | None:
    """Read an argument that is a path or a URI."""
    if value is None:
        return None
    if not (isinstance(value, str) or hasattr(value, "open") or isinstance(value, os.PathLike)):
        raise _must(name, "a path", value)
    found = str(value)
    if is_nothing(found):
        raise _rendered_to_nothing(name)
    if is_text_of_records(found.strip()):
        raise ConfigurationError(
            f"{name} rendered to the text of records or of another object, and is not a path"
        )
    return found.strip()


def count(name: str, value: Any) -> int | None:
    """Read an argument that is a whole number from 1."""
    if value is None:
        return None
    if is_nothing(value):
        raise _rendered_to_nothing(name)
    found = value
    if isinstance(value, str) and re.fullmatch(r"\s*\+?[0-9]{1,18}\s*", value):
        found = int(value)
    if isinstance(found, float) and found.is_integer():
        found = int(found)
    if isinstance(found, bool) or not hasattr(type(found), "__index__") or found.__index__() < 1:
        raise ConfigurationError(f"{name} must be a whole number from 1{_found(value)}")
    return int(found.__index__())


def seconds(name: str, value: Any) -> float | None:
    """Read an argument that is a time in seconds, from 0."""
    if value is None:
        return None
    if is_nothing(value):
        raise _rendered_to_nothing(name)
    found = math.nan
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        with suppress(ValueError, OverflowError):
            found = float(value)
    if isinstance(value, timedelta):
        found = value.total_seconds()
    if not 0 <= found < math.inf:
        raise ConfigurationError(f"{name} must be a number of seconds, from 0{_found(value)}")
    return found


@dataclass(frozen=True, slots=True)
class Share:
    """A count, or so many per cent of a total that is known later."""

    number: float
    percent: bool = False

    def of(self, total: int) -> float:
        """Return how many that is of a total."""
        return total * self.number / 100 if self.percent else self.number

    def __str__(self) -> str:
        return f"{self.number:.12g}{'%' if self.percent else ''}"


_SHARE = re.compile(r"\s*(?:(\d+)|(\d+(?:\.\d+)?)\s*%)\s*")


def share(name: str, value: Any) -> Share | None:
    """Read an argument that is a count or a share such as "20%"."""
    if value is None:
        return None
    if is_nothing(value):
        raise _rendered_to_nothing(name)
    found = int(value) if isinstance(value, float) and value.is_integer() else value
    if hasattr(type(found), "__index__") and not isinstance(found, bool):
        found = str(found.__index__())
    match = _SHARE.fullmatch(found) if isinstance(found, str) else None
    if match is None:
        raise ConfigurationError(f'{name} must be a count or a share such as "20%"{_found(value)}')
    return Share(float(match[1] or match[2]), percent=match[1] is None)


def on_absent(name: str, value: Any) -> str | dict[str, Any] | None:
    """Read what is done about absent keys: "ignore", "report", or a mapping of vendor field to a constant."""
    if value is None:
        return None
    if is_nothing(value):
        raise _rendered_to_nothing(name)
    if isinstance(value, str) and value.strip() in {"ignore", "report"}:
        return value.strip()
    found: Any = None
    with suppress(ConfigurationError):
        found = mapping(name, value)
    if found and all(isinstance(field, str) and field for field in found):
        return dict(found)
    raise ConfigurationError(
        f'{name} must be "ignore", "report", or a mapping of vendor field to the constant that is sent to '
        'who left, such as {"Is_Active": False}'
    )


def flag(name: str, value: Any, default: bool) -> bool:
    """Read an argument that is true or false."""
    if value is None:
        return default
    if isinstance(value, bool):
        return value
    if is_nothing(value):
        raise _rendered_to_nothing(name)
    word = str(value).strip().lower() if isinstance(value, str | int) else ""
    if word in _TRUE | _FALSE:
        return word in _TRUE
    raise ConfigurationError(f"{name} must be true or false{_found(value)}")


def pair(name: str, value: Any) -> tuple[int, int] | None:
    """Read an argument that is two whole numbers, as "(0, 4)" or [0, 4]; which are right is judged later."""
    if value is None:
        return None
    if is_nothing(value):
        raise _rendered_to_nothing(name)
    found = value
    if isinstance(value, str):
        match = re.fullmatch(r"\s*[(\[]?\s*([^\s,]+)\s*,\s*([^\s,]+?)\s*[)\]]?\s*", value)
        found = match.groups() if match else ()
    if isinstance(found, list | tuple) and len(found) == 2:
        numbers = [_whole(part) for part in found]
        if numbers[0] is not None and numbers[1] is not None:
            return numbers[0], numbers[1]
    raise ConfigurationError(
        f"{name} must be (i, n), two whole numbers, i from 0 and below n: (0, 4) is the first share of four"
    )


def _whole(value: Any) -> int | None:
    if isinstance(value, str) and re.fullmatch(r"\s*['\"]?[0-9]{1,18}['\"]?\s*", value):
        return int(value.strip(" \t\n'\""))
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def columns(name: str, value: Any) -> dict[str, Any] | list[str] | None:
    """Read an argument that maps fields to columns, or lists them; text, too, that is JSON or Python."""
    if value is None:
        return None
    found = parsed(name, value)
    if isinstance(found, Mapping):
        return {_column(name, field): _column(name, column, of=True) for field, column in found.items()}
    if isinstance(found, list | tuple | Set | KeysView | ValuesView):
        return [_column(name, column) for column in found]
    one = f": for one, write [{value!r}]" if isinstance(value, str) and _found(value)[6:7] == "'" else ""
    raise _must(name, "a mapping of the vendor's field to a column, or a list of names", value, one)


def mapping(name: str, value: Any) -> dict[str, Any] | None:
    """Read an argument that maps names to values of any kind; text, too, that is JSON or Python."""
    if value is None:
        return None
    found = parsed(name, value)
    if isinstance(found, Mapping):
        return {str(key): part for key, part in found.items()}
    raise _must(name, "a mapping", value)


def words(name: str, value: Any) -> tuple[str, ...] | None:
    """Read an argument that is a list of texts, whatever they are; text, too, that is JSON or Python."""
    if value is None:
        return None
    found = parsed(name, value)
    if isinstance(found, list | tuple | Set) and all(isinstance(word, str) for word in found):
        return tuple(found)
    raise _must(name, "a list of texts", value)


def parameters(name: str, value: Any) -> dict[str, Any] | tuple[Any, ...] | None:
    """Read an argument that is values by name or in order; text, too, that is JSON or Python.

    Which values a driver takes is its own affair. None of them is repeated.
    """
    if value is None:
        return None
    found = parsed(name, value)
    if isinstance(found, Mapping) and all(isinstance(each, str) for each in found):
        return dict(found)
    if isinstance(found, Sequence) and not isinstance(found, str | bytes | bytearray | memoryview):
        if any(isinstance(each, Mapping) for each in found):
            raise ConfigurationError(f"{name} must be values, and are objects: give those of one query")
        return tuple(found)
    raise ConfigurationError(
        f"{name} must be a mapping of name to value, or a list of values, not {type(value).__name__}"
    )


def match(name: str, value: Any) -> dict[str, Any] | None:
    """Read an argument that names one field of the vendor's, and the column that holds its value."""
    if value is None:
        return None
    found = parsed(name, value)
    if isinstance(found, Mapping) and len(found) == 1:
        return {_column(name, field): _column(name, column) for field, column in found.items()}
    raise _must(
        name, 'a mapping of one field of the vendor\'s to a column, such as {"email": "email"}', value
    )


def links(name: str, value: Any) -> dict[str, dict[str, Any]] | None:
    """Read an argument that maps relationship to operation to column."""
    if value is None:
        return None
    found = parsed(name, value)
    if isinstance(found, Mapping) and all(isinstance(part, Mapping) for part in found.values()):
        return {
            _column(name, link): {
                _column(name, how): _column(name, column, of=True) for how, column in part.items()
            }
            for link, part in found.items()
        }
    raise _must(name, "a mapping of relationship to operation to column", value)


def parsed(name: str, value: Any) -> Any:
    """Return a mapping or a list that text holds, as JSON or Python; None where it holds neither.

    What is no text is returned as it is.
    """
    if not isinstance(value, str):
        return value
    if is_nothing(value):
        raise _rendered_to_nothing(name)
    for reader in (json.loads, ast.literal_eval):
        try:
            found = reader(value.strip()) if len(value) < _LONGEST else None
        except (ValueError, SyntaxError, RecursionError, MemoryError, TypeError):
            continue
        if isinstance(found, Mapping | list | tuple):
            return found
    return None


def _column(name: str, value: Any, *, of: bool = False) -> Any:
    """Check the name of a field or column; ``of`` allows what is no text but stands for a column."""
    if isinstance(value, str):
        if is_nothing(value):
            raise ConfigurationError(
                f"{name} holds a name that is empty or rendered to nothing; give the name"
            )
        return str(value)
    plain = value is None or isinstance(value, bool | float | bytes | Collection)
    if plain or not of:
        raise ConfigurationError(
            f"{name} must name fields and columns as text, not as {type(value).__name__}"
        )
    return value


def require_choice(name: str, value: _Choice, choices: Sequence[str]) -> _Choice:
    """Return value if it is one of choices, else raise ConfigurationError."""
    if value not in choices:
        raise ConfigurationError(f"{name} must be one of {', '.join(choices)}, not {value!r}")
    return value


def options_of(vendor: type, options: Mapping[str, Any]) -> dict[str, Any]:
    """Read a vendor's own options by the types of their defaults; what is None is left to the default."""
    known = inspect.signature(vendor).parameters
    read: dict[str, Any] = {}
    for name, value in options.items():
        default = known[name].default if name in known else inspect.Parameter.empty
        if value is None:
            continue
        if isinstance(default, bool):
            read[name] = flag(name, value, default)
        elif isinstance(default, str):
            read[name] = text(name, value)
        else:
            read[name] = value
    return read


def require_records(records: Any) -> None:
    """Refuse what is neither records nor where they are, without repeating any of it.

    Raises:
        ConfigurationError: naming its type and what to give instead.
    """
    if is_nothing(records):
        raise ConfigurationError("records rendered to nothing; give a path, or a list by an XComArg")
    if is_text_of_records(records):
        raise ConfigurationError(
            "records rendered to the text of a list or another object: use the task's output (an XComArg), "
            "or render_template_as_native_obj"
        )
    kind = type(records).__name__
    if isinstance(records, bytes | bytearray | memoryview):
        raise ConfigurationError(
            f"records must be a list or a path, not {kind}: decode it, or write it to a file"
        )
    if any(hasattr(type(records), name) for name in TABLES):
        return
    if not isinstance(records, Mapping) and (hasattr(records, "to_dict") or hasattr(records, "to_pylist")):
        how = 'records.to_dict("records")' if hasattr(records, "to_dict") else "records.to_pylist()"
        raise ConfigurationError(f"records must be a list or a path, not {kind}: give {how}")
    for name in _COLLECTED:
        if kind.endswith("Frame") and hasattr(type(records), name):
            raise ConfigurationError(f"records must be a list, a table or a path, not {kind}: give {name}()")


def _must(name: str, what: str, value: Any, more: str = "") -> ConfigurationError:
    return ConfigurationError(f"{name} must be {what}{_found(value)}{more}")


def _found(value: Any) -> str:
    """Say what was found by its type, and by its text only where that is a number or one short word."""
    if isinstance(value, str):
        return f", not {value!r}" if re.fullmatch(r"[\w.+%-]{1,20}", value) else ", not other text"
    if isinstance(value, bool | int | float) and len(repr(value)) <= 20:
        return f", not {value!r}"
    return f", not {type(value).__name__}"


def _rendered_to_nothing(name: str) -> ConfigurationError:
    return ConfigurationError(
        f"{name} is empty text or rendered to nothing: give a value, or leave the argument out"
    )


def require_one_source(
    has_records: bool, sql: Any, sql_conn_id: Any, *, by_sql_conn_id: bool = False
) -> None:
    """Refuse both records and a query, neither of them, and a query without its connection.

    ``by_sql_conn_id`` says that the records are read through that connection, too.

    Raises:
        ConfigurationError: saying what goes together.
    """
    if has_records == (sql is not None):
        raise ConfigurationError("give either records or sql, and not both")
    if not by_sql_conn_id and (sql is None) != (sql_conn_id is None):
        raise ConfigurationError("sql and sql_conn_id go together: the query, and where it is asked")
