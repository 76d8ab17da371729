"""The key of a record: the text that names a profile in a request, and what its spellings share."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any
from unicodedata import normalize
from uuid import UUID

from airflow_profile_provider.errors import InvalidRecord
from airflow_profile_provider.values.json_text import json_type
from airflow_profile_provider.values.numbers import is_integer

_STEPS = frozenset((".", ".."))
"""What changes a path."""
_NO_KEYS = _STEPS | {""}


def exact_key(value: Any) -> str:
    """Return a record's key as text; only strings, UUIDs and exact integers can name a profile."""
    if isinstance(value, str):
        text = value
    elif isinstance(value, UUID):
        text = str(value)
    elif is_integer(value):
        text = _digits(int(value))
    else:
        raise InvalidRecord(
            f"the key must be a string or an exact integer, not {json_type(value)}; a float may already have "
            "lost digits: read the column as text"
        )
    if not text.strip():
        raise InvalidRecord("the key is empty; give the vendor's identifier of the profile")
    if text in _STEPS:
        raise InvalidRecord("the key would change the path of the request; give the vendor's identifier")
    if not text.isprintable() and _has_no_text(text):
        raise InvalidRecord(
            "the key holds a null character or half a surrogate pair; give the vendor's identifier"
        )
    return text


def are_plain(keys: Collection[str]) -> bool:
    """Whether texts are surely keys, all of them; True is sure."""
    text = "".join(keys)
    return text.isprintable() and " " not in text and _NO_KEYS.isdisjoint(keys)


def _has_no_text(text: str) -> bool:
    try:
        return b"\0" in text.encode()
    except UnicodeEncodeError:
        return True


def _digits(number: int) -> str:
    try:
        return str(number)
    except ValueError:  # Python's own limit on digits
        raise InvalidRecord("the key has more digits than any identifier; give the vendor's own") from None


def folded(key: str, *, number: bool) -> str:
    """Return what all spellings of a key share: case, blanks around and, of a ``number``, leading zeros."""
    if not key.isascii():
        key = normalize("NFKC", key)
    key = key.strip().casefold()
    if number and key[:1] == "0" and key.isdecimal():
        return key.lstrip("0") or "0"
    return key
