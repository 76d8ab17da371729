"""Fields as they were given: with expressions, also in JSON, so that text and XComs can hold them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from airflow_profile_provider import fields
from airflow_profile_provider import options as arguments
from airflow_profile_provider.errors import ConfigurationError
from airflow_profile_provider.fields.expression import Expression

_MADE: dict[str, Callable[..., Expression]] = {
    "const": fields.const,
    "first_of": fields.first_of,
    "from_json": fields.from_json,
    "hashed": fields.hashed,
    "joined": fields.joined,
    "lookup": fields.lookup,
}


def columns(name: str, value: Any) -> dict[str, Any] | list[str] | None:
    """Read an argument that maps fields to columns or expressions, or lists columns.

    Text that is JSON or Python is read, too. In it, an expression is an object with one member:
    ``{"joined": ["{} {}", "first_name", "last_name"]}``.

    Raises:
        ConfigurationError: naming the argument and what to write.
    """
    given = arguments.parsed(name, value)
    if isinstance(given, Mapping):
        given = {field: _made(name, part) for field, part in given.items()}
    found = arguments.columns(name, value if given is None else given)
    for part in found.values() if isinstance(found, dict) else ():
        if not isinstance(part, str | Expression) and not hasattr(type(part), "resolve"):
            raise ConfigurationError(
                f"{name} must map each field to a column or to an expression of "
                f"airflow_profile_provider.fields, not to {type(part).__name__}"
            )
    return found


def _made(name: str, part: Any) -> Any:
    """Return the expression that an object stands for; anything else as it is."""
    if not isinstance(part, Mapping):
        return part
    ((kind, given),) = part.items() if len(part) == 1 else [("", None)]
    make = _MADE.get(kind)
    if make is None:
        raise ConfigurationError(
            f"{name} holds an object that is no expression: write one member, "
            f'{", ".join(sorted(_MADE))}, such as {{"from_json": "column"}}'
        )
    try:
        if kind == "const":
            return make(given)
        if isinstance(given, Mapping):
            return make(**given)
        return make(*given) if isinstance(given, list | tuple) else make(given)
    except TypeError:
        raise ConfigurationError(f"{name}: {kind} does not take these arguments") from None
