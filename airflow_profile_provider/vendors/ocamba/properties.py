"""Ocamba Hood: the account's own properties, which are the members of ``custom_properties``.

Page: https://docs.ocamba.com/api/hood/v1.0 (List profile properties), read 2026-11-21.
Unknown: what becomes of a property that an account has not declared (``undeclared``, an extra that chooses);
which data types there are beside text: a property of another type takes any value.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from airflow_profile_provider.errors import InvalidRecord
from airflow_profile_provider.values import is_number, json_type, read_as
from airflow_profile_provider.vendors.exchange import Answer, Learning, Request
from airflow_profile_provider.vendors.fields import Catalogue, Field, meant
from airflow_profile_provider.vendors.listing import count

_PATH = "/v1/hood/profile-properties"
_PAGE, _MOST_PAGES = 100, 50


@dataclass(frozen=True, slots=True)
class Properties(Field):
    """The field that holds them: ``members`` are the properties that the account has declared, by name."""

    members: Mapping[str, Field] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Told:
    """A page of the list: its properties by name, how many rows it had, and how many there are in all."""

    declared: Mapping[str, Field]
    rows: int
    total: int | None


def learn_properties(name: str) -> Learning:
    """Yield the requests for the list, and return it as the catalogue of the field ``name``."""
    members: dict[str, Field] = {}
    seen = 0
    for page in range(1, _MOST_PAGES + 1):
        told: _Told = yield Request("GET", f"{_PATH}?page={page},{_PAGE}", _read_page)
        is_new = not told.declared.keys() <= members.keys()
        members |= told.declared
        seen += told.rows
        if not is_new or (told.rows < _PAGE and told.total is not None and told.total <= seen):
            break
    options = tuple((name, each.label or name) for name, each in members.items())
    found = Properties("object", options=options, members=members)
    return Catalogue({name: found} if members else {})


def _read_page(answer: Answer) -> _Told:
    """Read the properties that are not the vendor's own; a list that may not be read has none."""
    items = answer.members.get("items") if answer.status == 200 else None
    own = [each for each in items if isinstance(each, dict)] if isinstance(items, list) else []
    return _Told(dict(_declared(own)), len(own), count(answer.members.get("total")))


def _declared(items: list[dict[str, Any]]) -> Iterator[tuple[str, Field]]:
    for each in items:
        name = each.get("property") or each.get("label")
        if isinstance(name, str) and str(each.get("system")) not in {"1", "True"}:
            kind = str(each.get("data_type") or "").strip().lower()
            yield name, Field(type=kind, label=str(each.get("label") or name))


def check_properties(known: Properties, value: Any, *, undeclared: str) -> None:
    """Raise InvalidRecord for a property that is not declared, or whose value its type does not take."""
    for name, one in value.items() if isinstance(value, Mapping) else ():
        declared = known.members.get(name)
        if declared is None and undeclared == "refuse":
            near = meant(str(name), {each: field.label for each, field in known.members.items()})
            raise InvalidRecord(
                f"the account has declared no such property{near}; declare it, correct its name, or set "
                "the connection's undeclared to send"
            )
        wanted, fits = _TAKES.get(declared.type if declared else "", ("", None))
        if fits and one is not None and not fits(one):
            raise InvalidRecord(f"property {name} must be {wanted}, not {json_type(one)}")


def _is_text(value: Any) -> bool:
    return isinstance(value, str) or _is_number(value)


def _is_number(value: Any) -> bool:
    found = value if is_number(value) else _read("number", value)
    return is_number(found)


def _is_boolean(value: Any) -> bool:
    return isinstance(_read("boolean", value), bool)


def _is_moment(value: Any) -> bool:
    try:
        return isinstance(value, str) and bool(datetime.fromisoformat(value))
    except ValueError:
        return False


def _read(kind: str, value: Any) -> Any:
    try:
        return read_as(kind, value)
    except InvalidRecord:
        return None


_TAKES: dict[str, tuple[str, Callable[[Any], bool]]] = {
    **dict.fromkeys(("text", "string"), ('a text, such as "1"', _is_text)),
    **dict.fromkeys(("number", "integer", "float", "decimal"), ("a number", _is_number)),
    **dict.fromkeys(("boolean", "bool"), ("true or false", _is_boolean)),
    **dict.fromkeys(("date", "datetime"), ("a time, such as 2026-03-16 12:00:00", _is_moment)),
}
"""Only text is documented; the others are what their names say, where an account has them."""
