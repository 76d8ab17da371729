"""Whom a change is for whose key the vendor does not know: by which value the vendor's profile is found."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow_profile_provider.errors import InvalidRecord
from airflow_profile_provider.records import Sought
from airflow_profile_provider.values import is_null, is_number, json_type, number_text, unwrapped


def sought_of(
    match: Mapping[str, str] | None, raw: Mapping[str, Any], *, mapped: bool = False
) -> Sought | None:
    """Return how the profile of a change is found, from the members of the change.

    Those of a mapped row have the value of the column. A change that is one already has it as ``match``, or
    sends it as the field itself; but of a push that is ``mapped``, the latter may be a constant, and nobody's
    own. None where the key is the vendor's.

    Raises:
        InvalidRecord: the change was written by a push that matched by something else, or by nothing; or its
            value is no text.
    """
    given = raw.get("match") or None
    if match is None:
        if given:
            raise InvalidRecord("its profile is to be found by a field; give match= as the push before did")
        return None
    (by,) = match
    if given is None:
        given = None if mapped else raw.get("fields")
    elif not isinstance(given, Mapping) or by not in given:
        raise InvalidRecord(f"its match names another field than {by}; give match= as the push before did")
    return Sought(by, _text(by, given.get(by) if isinstance(given, Mapping) else None))


def _text(by: str, value: Any) -> str | None:
    """Return a value as it is looked for; None where there is none."""
    value = None if is_null(value) else unwrapped(value)
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    if is_number(value):
        return number_text(value)
    if not isinstance(value, str):
        raise InvalidRecord(f"match by {by}: must be a text or a number, not {json_type(value)}")
    return value.strip()
