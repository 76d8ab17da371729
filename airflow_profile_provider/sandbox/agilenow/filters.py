"""The filter grammar of Agile.Now's lists: ``(Username = ada) AND (ModifiedOn > 2022-01-01)``.

Values are unquoted; ``In`` takes texts joined with ``;``. ``Like`` matches a part of the text, with ``%`` as
wildcard.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_profile_provider.sandbox.agilenow.api import AgileNow
    from airflow_profile_provider.sandbox.state import Profile

_CONDITION = re.compile(r"^\s*([A-Za-z_.]+)\s*(=|<>|>=|<=|>|<|NotIn\b|In\b|Like\b)\s*(.*?)\s*$", re.DOTALL)

Test = Callable[[Mapping[str, Any]], bool]


class BadFilter(ValueError):
    """The filter cannot be read."""


def parse(text: str) -> Test:
    """Read a filter; an empty one passes everything."""
    if not text.strip():
        return lambda _: True
    either = _split(text, "OR")
    if len(either) > 1:
        return _any([parse(part) for part in either])
    both = _split(text, "AND")
    if len(both) > 1:
        return _all([parse(part) for part in both])
    inner = _unwrap(text)
    return parse(inner) if inner is not None else _condition(text)


def listed(profiles: Iterable[Profile], asked: Mapping[str, str], vendor: AgileNow) -> dict[str, Any]:
    """A page of accounts: filtered, sorted, cut; raises ValueError."""
    test = parse(asked.get("Filters", ""))
    page = max(0, int(asked.get("CurrentPage") or 0))
    size = min(1000, int(asked.get("PageSize") or 0) or 50)
    filtered = bool(asked.get("Filters", "").strip())
    found = [each for each in profiles if not filtered or test(vendor.record(each))]
    for order in reversed([each.split() for each in asked.get("Orders", "").split(",") if each.strip()]):
        found.sort(key=_by(order[0], vendor), reverse=order[-1].upper() == "DESC")
    start = max(0, page - vendor.settings["first_page"]) * size
    shown = [vendor.record(each) for each in vendor.page_of(found, start, size)]
    names = [name.strip() for name in asked.get("Fields", "").split(",") if name.strip() not in {"", "*"}]
    if names:
        shown = [{name: row[name] for name in names if name in row} for row in shown]
    meta = {
        "TotalItems": vendor.total_of(len(found)),
        "CurrentPage": page,
        "PageSize": size,
        "Type": "Account",
    }
    return {"Meta": meta, "Data": shown}


def _by(name: str, vendor: AgileNow) -> Callable[[Profile], str]:
    return lambda each: each.key if name == "Id" else _value(vendor.record(each), name)


def _any(tests: list[Test]) -> Test:
    return lambda row: any(test(row) for test in tests)


def _all(tests: list[Test]) -> Test:
    return lambda row: all(test(row) for test in tests)


def _split(text: str, word: str) -> list[str]:
    """Split at a joining word that stands outside all parentheses."""
    parts, depth, start = [], 0, 0
    for match in re.finditer(rf"[()]|\s{word}\s", text):
        if match[0] == "(":
            depth += 1
        elif match[0] == ")":
            depth -= 1
        elif depth == 0:
            parts.append(text[start : match.start()])
            start = match.end()
    return [*parts, text[start:]]


def _unwrap(text: str) -> str | None:
    """What stands in parentheses that enclose the whole text, or None."""
    text = text.strip()
    if not (text.startswith("(") and text.endswith(")")):
        return None
    depth = 0
    for place, letter in enumerate(text):
        depth += (letter == "(") - (letter == ")")
        if depth == 0 and place < len(text) - 1:
            return None
    return text[1:-1]


def _condition(text: str) -> Test:
    match = _CONDITION.match(text)
    if not match:
        raise BadFilter(text)
    name, operator, wanted = match.groups()
    return lambda row: _holds(_value(row, name), operator, wanted)


def _value(row: Mapping[str, Any], name: str) -> str:
    value: Any = row
    for part in name.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    if isinstance(value, Mapping):
        value = value.get("Id")
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value)


def _holds(value: str, operator: str, wanted: str) -> bool:
    if operator in {"In", "NotIn"}:
        return (value in wanted.split(";")) == (operator == "In")
    if operator == "Like":
        pattern = ".*".join(re.escape(part) for part in wanted.split("%"))
        return re.search(f"^{pattern}$" if "%" in wanted else pattern, value, re.IGNORECASE) is not None
    compared = {"=": value == wanted, "<>": value != wanted, ">": value > wanted, "<": value < wanted}
    compared |= {">=": value >= wanted, "<=": value <= wanted}
    return compared[operator]
