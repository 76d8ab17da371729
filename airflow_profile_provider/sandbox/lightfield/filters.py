"""Lightfield's list filters: ``?$name[equal]=Acme``, ``[-equal]`` to negate, relationships by their key.

https://docs.lightfield.app/using-the-api/list-endpoints/. All filters must hold. Without an operator it is
``equal``, and ``contains`` for types that hold several values.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_KEY = re.compile(r"^(.+?)(?:\[(-?)(\w+)\])?$")
_SEVERAL = {"EMAIL", "TELEPHONE", "URL", "MULTI_SELECT"}


def found(
    records: list[dict[str, Any]],
    pairs: list[tuple[str, str]],
    fields: Mapping[str, Mapping[str, Any]],
    links: Mapping[str, Any],
) -> list[dict[str, Any]]:
    """The records for which every filter holds."""
    for key, wanted in pairs:
        match = _KEY.match(key)
        if not match or match[1] in {"limit", "offset", "status"}:
            continue
        name, negated, operator = match[1], match[2] == "-", match[3]
        if name in fields:
            operator = operator or ("contains" if fields[name]["valueType"] in _SEVERAL else "equal")
            records = [
                each for each in records if _holds(each["fields"][name]["value"], operator, wanted) != negated
            ]
        elif name in links:
            records = [
                each for each in records if (wanted in each["relationships"][name]["values"]) != negated
            ]
    return records


def _holds(value: Any, operator: str, wanted: str) -> bool:
    if value is None:
        return False
    if operator == "contains":
        return wanted in value
    if operator == "startsWith":
        return str(value).startswith(wanted)
    if isinstance(value, bool):
        return str(value).lower() == wanted.lower()
    if isinstance(value, int | float):
        try:
            return _compared(float(value), operator, float(wanted))
        except ValueError:
            return False
    return _compared(str(value), operator, wanted)


def _compared(value: Any, operator: str, wanted: Any) -> bool:
    if operator == "greaterThan":
        return bool(value > wanted)
    if operator == "greaterThanOrEqual":
        return bool(value >= wanted)
    if operator == "lessThan":
        return bool(value < wanted)
    if operator == "lessThanOrEqual":
        return bool(value <= wanted)
    return bool(value == wanted)
