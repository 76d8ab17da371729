"""Lightfield's field catalogue and value types: what each type takes, and how it is kept.

https://docs.lightfield.app/ (fields and relationships, definitions). Writes take bare values, reads wrap them
in ``{value, valueType}``. Selects take an option id or its label and keep the id.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

ADDRESS_PARTS = {"street", "street2", "city", "state", "postalCode", "country", "latitude", "longitude"}
_NAME_PARTS = {"firstName", "lastName"}
_SAFE_INTEGER = 2**53 - 1
_OFFSET = re.compile(r"(Z|[+-]\d\d:\d\d)$")
VALUE_TYPES = {
    "ADDRESS",
    "CHECKBOX",
    "CURRENCY",
    "DATETIME",
    "EMAIL",
    "FULL_NAME",
    "HTML",
    "MARKDOWN",
    "MULTI_SELECT",
    "NUMBER",
    "SINGLE_SELECT",
    "SOCIAL_HANDLE",
    "TELEPHONE",
    "TEXT",
    "URL",
}


def definition(
    label: str, kind: str, *, read_only: bool = False, options: str = "", **more: Any
) -> dict[str, Any]:
    """A field definition; ``options`` are labels separated by commas."""
    configuration: dict[str, Any] = dict(more)
    if options:
        configuration["options"] = [
            {"id": option_id(label, each), "label": each, "description": None} for each in options.split(",")
        ]
    return {
        "id": f"ad_{_slug(label)}",
        "label": label,
        "description": None,
        "valueType": kind,
        "readOnly": read_only,
        "typeConfiguration": configuration,
    }


def option_id(field: str, label: str) -> str:
    """A readable option id."""
    return f"opt_{_slug(field)}_{_slug(label)}"


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", text.lower())


ACCOUNT_FIELDS = {
    "$name": definition("Name", "TEXT"),
    "$website": definition("Website", "URL", multipleValues=True, unique=False),
    "$industry": definition(
        "Industry", "MULTI_SELECT", options="Energy,Fintech,Food,Health,Media,Retail,Software"
    ),
    "$headcount": definition(
        "Headcount", "SINGLE_SELECT", options="1-10,11-50,51-200,201-500,501-1000,1001-5000,5001+"
    ),
    "$lastFundingType": definition(
        "Last funding type", "SINGLE_SELECT", options="Seed,Series A,Series B,Public"
    ),
    "$facebook": definition("Facebook", "SOCIAL_HANDLE", handleService="FACEBOOK"),
    "$instagram": definition("Instagram", "SOCIAL_HANDLE", handleService="INSTAGRAM"),
    "$linkedIn": definition("LinkedIn", "SOCIAL_HANDLE", handleService="LINKEDIN"),
    "$twitter": definition("Twitter", "SOCIAL_HANDLE", handleService="TWITTER"),
    "$primaryAddress": definition("Primary address", "ADDRESS"),
    "$howTheyMakeMoney": definition("How they make money", "MARKDOWN", read_only=True),
    "$accountStatus": definition("Account status", "TEXT", read_only=True),
    "tier": definition("Tier", "TEXT"),
    "employees": definition("Employees", "NUMBER"),
    "annualRevenue": definition("Annual revenue", "CURRENCY", currency="USD"),
    "isCustomer": definition("Is customer", "CHECKBOX"),
    "renewalDate": definition("Renewal date", "DATETIME"),
    "phone": definition("Phone", "TELEPHONE", multipleValues=True, unique=False),
}
CONTACT_FIELDS = {
    "$name": definition("Name", "FULL_NAME"),
    "$email": definition("Email", "EMAIL", multipleValues=True, unique=True),
    "$profilePhotoUrl": definition("Profile photo", "URL", multipleValues=False, unique=False),
}


class BadValue(ValueError):
    """The value is not of the field's type."""


def kept(field: Mapping[str, Any], value: Any, *, labels: bool) -> Any:
    """A written value as it is kept; raises BadValue. Null clears every type."""
    if value is None:
        return None
    kind = field["valueType"]
    if kind in {"SINGLE_SELECT", "MULTI_SELECT"}:
        return _selected(field, value, labels=labels, several=kind == "MULTI_SELECT")
    return _KEEPERS[kind](value)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise BadValue("expected a string")
    return value


def _number(value: Any) -> int | float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BadValue("expected a number")
    if abs(value) > _SAFE_INTEGER or round(value, 2) != value:
        raise BadValue("expected a safe number with at most 2 decimals")
    return value


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise BadValue("expected a boolean")
    return value


def _instant(value: Any) -> str:
    """An instant with an offset, kept in UTC."""
    try:
        if not (isinstance(value, str) and _OFFSET.search(value)):
            raise ValueError
        instant = datetime.fromisoformat(value).astimezone(UTC)
    except ValueError:
        raise BadValue("expected an ISO 8601 date-time with an offset") from None
    return instant.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _texts(value: Any) -> list[str]:
    values = [value] if isinstance(value, str) else value
    if not isinstance(values, list) or not all(isinstance(each, str) for each in values):
        raise BadValue("expected a string or an array of strings")
    return values


def _phones(value: Any) -> list[str]:
    for each in _texts(value):
        if not re.fullmatch(r"\+?\d{7,15}", re.sub(r"[ ().-]", "", each)):
            raise BadValue("expected a phone number")
    return _texts(value)


def _parts(allowed: set[str]) -> Callable[[Any], dict[str, Any]]:
    def keep(value: Any) -> dict[str, Any]:
        if not isinstance(value, dict) or set(value) - allowed:
            raise BadValue(f"expected an object of {', '.join(sorted(allowed))}")
        country = value.get("country")
        if country is not None and not re.fullmatch("[A-Z]{2}", str(country)):
            raise BadValue("country is a 2-letter ISO 3166-1 code")
        return {name: part for name, part in value.items() if part is not None}

    return keep


_KEEPERS: dict[str, Callable[[Any], Any]] = {
    **dict.fromkeys(("TEXT", "MARKDOWN", "HTML", "SOCIAL_HANDLE"), _text),
    "NUMBER": _number,
    "CURRENCY": _number,
    "CHECKBOX": _flag,
    "DATETIME": _instant,
    "EMAIL": _texts,
    "URL": _texts,
    "TELEPHONE": _phones,
    "ADDRESS": _parts(ADDRESS_PARTS),
    "FULL_NAME": _parts(_NAME_PARTS),
}


def _selected(field: Mapping[str, Any], value: Any, *, labels: bool, several: bool) -> Any:
    options = field["typeConfiguration"].get("options", [])
    ids = {each["id"]: each["id"] for each in options}
    known = {each["label"]: each["id"] for each in options} | ids if labels else ids
    values = _texts(value) if several else [_text(value)]
    if unknown := [each for each in values if each not in known]:
        raise BadValue(f"'{unknown[0]}' is not an option")
    chosen = [known[each] for each in values]
    return chosen if several else chosen[0]


def guess(name: str, value: Any) -> dict[str, Any]:
    """A definition that fits a value, for a field that was loaded without one."""
    if isinstance(value, bool):
        kind = "CHECKBOX"
    elif isinstance(value, int | float):
        kind = "NUMBER"
    elif isinstance(value, dict):
        kind = "ADDRESS"
    else:
        kind = "URL" if isinstance(value, list) else "TEXT"
    return definition(name, kind)


def wrapped(fields: Mapping[str, Any], catalogue: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Fields as reads show them; a field of the catalogue that was never set is null."""
    return {
        name: {"value": fields.get(name), "valueType": each["valueType"]} for name, each in catalogue.items()
    }
