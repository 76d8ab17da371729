"""Lightfield's value types: how a value of each is written, and what an answer makes of it.

Page: https://docs.lightfield.app (Fields and relationships; Definitions), read 2026-11-21. Writes take bare
values; reads wrap them in ``{value, valueType}`` and may hold another form, such as the ids of options.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from airflow_profile_provider.errors import InvalidRecord
from airflow_profile_provider.values import (
    alike,
    exact_number,
    is_null,
    is_number,
    json_type,
    number_text,
    plain,
    same,
    unwrapped,
)
from airflow_profile_provider.vendors.base import Taken
from airflow_profile_provider.vendors.comparing import is_akin
from airflow_profile_provider.vendors.fields import Field, listed

_ADDRESS = frozenset({"street", "street2", "city", "state", "postalCode", "country", "latitude", "longitude"})
_KINDS = {
    "TEXT": "string",
    "NUMBER": "number",
    "CURRENCY": "number",
    "CHECKBOX": "boolean",
    "DATETIME": "string",
    "EMAIL": "string or string[]",
    "TELEPHONE": "string[]",
    "URL": "string or string[]",
    "ADDRESS": "object",
    "FULL_NAME": "object",
    "SOCIAL_HANDLE": "string",
    "SINGLE_SELECT": "string",
    "MULTI_SELECT": "string[]",
    "MARKDOWN": "string",
    "HTML": "string",
}
_REWRITTEN = frozenset({"TELEPHONE", "URL", "SOCIAL_HANDLE", "ADDRESS", "FULL_NAME", "MARKDOWN", "HTML"})
"""Types that the vendor may keep in another form than it was given."""
REWRITTEN_TEXTS = frozenset({"DATETIME", "TELEPHONE"})
"""Types of which a text is not sent as it is."""
_SELECTS = frozenset({"SINGLE_SELECT", "MULTI_SELECT"})
_PLACE = frozenset({"latitude", "longitude"})
_WRITTEN_NUMBER = re.compile(r"-?\d{1,3}(\.\d{1,30})?", re.ASCII)
_FULL_NAME = frozenset({"firstName", "lastName"})
_LARGEST = 2**53 - 1
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Attribute(Field):
    """A field by the vendor's definitions; ``several``: whether it holds more than one value."""

    several: bool = True


def members(value: Any) -> Mapping[str, Any]:
    """Return the members of an object, or none where it is something else."""
    return value if isinstance(value, Mapping) else {}


def attribute(definition: Mapping[str, Any]) -> Attribute:
    """Read what the definitions say of a field."""
    value_type = str(definition.get("valueType"))
    configuration = members(definition.get("typeConfiguration"))
    return Attribute(
        _KINDS.get(value_type, "any"),
        read_only=definition.get("readOnly") is True,
        label=str(definition.get("label") or ""),
        type=value_type,
        several=configuration.get("multipleValues") is not False,
        options=tuple(_options(configuration.get("options"))),
    )


def labels_of(definitions: Mapping[str, Any]) -> dict[str, str]:
    """Return the label of each relationship that is defined; empty where it has none."""
    return {name: str(members(each).get("label") or "") for name, each in definitions.items()}


def _options(found: Any) -> Iterator[tuple[str, str]]:
    """Yield the ids of options that a definition lists, each with its label."""
    for option in found if isinstance(found, list) else ():
        if isinstance(option, Mapping) and isinstance(option.get("id"), str):
            yield option["id"], str(option.get("label") or "")


def check_options(known: Field, value: Any) -> None:
    """Raise InvalidRecord for what is neither the id nor the label of an option that the definitions list."""
    ids = {key for key, _ in known.options}
    labels = [label.strip().casefold() for _, label in known.options]
    for one in value if isinstance(value, list) else [value]:
        if not ids or one in ids:
            continue
        named = labels.count(str(one).strip().casefold())
        if named == 0:
            offered = listed([label or key for key, label in known.options])
            raise InvalidRecord(
                f"is not one of the {len(ids)} options that the definitions list; use {offered}"
            )
        if named > 1:
            raise InvalidRecord(f"is the label of {named} options; name one by its id")


def written(known: Field, value: Any) -> Any:
    """Write times with their offset, numbers of at most two decimals, an array where the type is one."""
    kind = known.type
    if type(value) is str and kind not in REWRITTEN_TEXTS:
        return value
    value = unwrapped(value)
    if kind == "DATETIME" or (isinstance(value, date) and known.kind != "string"):
        return _instant(value)
    if is_number(value) and not is_null(value):
        return _number(value)
    plainly = plain(value)
    if kind == "TELEPHONE" and isinstance(plainly, str):
        return [plainly]
    if isinstance(plainly, dict):
        _check_members(kind, plainly)
    if isinstance(plainly, list) and len(plainly) > 1 and isinstance(known, Attribute) and not known.several:
        raise InvalidRecord("holds one value, not several")
    return plainly


def _instant(value: Any) -> str:
    """Write a moment as ISO 8601 with its offset; a text that is one already stays as it is."""
    if isinstance(value, str):
        text = value.strip()
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            raise InvalidRecord("is not a time in ISO 8601, such as 2026-03-16T12:00:00+00:00") from None
    elif isinstance(value, datetime):
        text, moment = "", value
    elif isinstance(value, date):
        raise InvalidRecord("Lightfield has no dates without a time; send a time with its offset")
    else:
        raise InvalidRecord(f"must be a time in ISO 8601, not {json_type(value)}")
    if moment.tzinfo is None:
        raise InvalidRecord("the time has no offset; Lightfield needs ISO 8601 with an offset")
    return text if _INSTANT.fullmatch(text) else moment.isoformat()


def _number(value: Any) -> Any:
    """Return a number as Lightfield keeps it: at most two decimals, in the range of safe integers."""
    text = number_text(value)
    if len(text.partition(".")[2].rstrip("0")) > 2:
        raise InvalidRecord("has more than the two decimals that Lightfield keeps; round it first")
    if abs(Decimal(text)) > _LARGEST:
        raise InvalidRecord("is beyond the whole numbers that Lightfield keeps (2^53 - 1)")
    return exact_number(value)


def _check_members(kind: str, value: dict[str, Any]) -> None:
    """Check the members of an address or of a full name."""
    allowed = {"ADDRESS": _ADDRESS, "FULL_NAME": _FULL_NAME}.get(kind)
    if allowed is None:
        return
    what = "an address" if kind == "ADDRESS" else "a full name"
    for member, part in value.items():
        if member not in allowed:
            raise InvalidRecord(f"{what} has no member {member!r}; it has {', '.join(sorted(allowed))}")
        if member in _PLACE and isinstance(part, str) and _WRITTEN_NUMBER.fullmatch(part):
            value[member] = exact_number(Decimal(part))  # a decimal, which `plain` writes as text
            continue
        wanted = (int, float) if member in _PLACE else (str,)
        if part is not None and (not isinstance(part, wanted) or isinstance(part, bool)):
            raise InvalidRecord(f"{member} of {what} must not be {json_type(part)}")


def value_taken(sent: Any, answered: Any) -> Taken:
    """Say what a field that came back makes of the value that was sent."""
    wrapped = isinstance(answered, Mapping) and "value" in answered
    held, kind = (answered["value"], str(answered.get("valueType"))) if wrapped else (answered, "")
    if same(sent, held) or _is_held(kind, sent, held):
        return ""
    if sent is None or held is None:
        return "ignored"
    rewritten = (kind in _REWRITTEN or kind not in _KINDS) and is_akin(sent, held)
    rounded = kind == "DATETIME" and seconds_apart(sent, held) < 1
    return "other" if rewritten or rounded or alike(sent, held) else "ignored"


def _is_held(kind: str, sent: Any, held: Any) -> bool:
    """Whether an answer holds what was sent in the form that is documented for the type."""
    if kind in _SELECTS:  # reads return ids, writes may name labels
        chosen = set(sent if isinstance(sent, list) else [sent])
        ids = set(map(str, held if isinstance(held, list) else [held]))
        return (
            held is not None
            and len(ids) == len(chosen)
            and all(one in ids for one in chosen if str(one).startswith("opt_"))
        )
    if kind == "DATETIME":
        return seconds_apart(sent, held) == 0
    if kind == "ADDRESS" and isinstance(sent, Mapping) and isinstance(held, Mapping):
        return all(same(part, held.get(name)) for name, part in sent.items())
    if isinstance(sent, str) or isinstance(held, str):  # one value, or an array of it
        return same([sent] if isinstance(sent, str) else sent, [held] if isinstance(held, str) else held)
    return False


def seconds_apart(sent: Any, held: Any) -> float:
    """Return how far two moments lie apart; one without an offset is in UTC, as the vendor keeps them."""
    try:
        first, second = (datetime.fromisoformat(text) for text in (sent, held))
    except (TypeError, ValueError):
        return math.inf
    return abs((_in_utc(first) - _in_utc(second)).total_seconds())


def _in_utc(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
