"""Lightfield: whether an account holds what was sent, as each value type is documented to be kept.

Page: https://docs.lightfield.app (Fields and relationships; Definitions), read 2026-11-21. Selects keep ids
of options, moments are in UTC, telephone numbers are normalised: with a plus, or else as a number of the US.
How a profile's address at another service is kept is not documented: as an address or as the name in it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from airflow_profile_provider.values import same
from airflow_profile_provider.vendors.comparing import dialled, each_text, same_form, trimmed
from airflow_profile_provider.vendors.fields import Field
from airflow_profile_provider.vendors.lightfield.attributes import seconds_apart


def same_value(known: Field, sent: Any, held: Any) -> bool:
    """Whether a field holds what was sent; of a type that is not known, one value is an array of it."""
    if same_form("", sent, held):
        return True
    if sent is None or held is None:
        return False
    try:
        if known.type in _KEPT:
            return _KEPT[known.type](known, sent, held)
        return _same_moment(known, sent, held) or same_form("", _array(sent), _array(held))
    except RecursionError:
        return False


def _array(value: Any) -> Any:
    return value if isinstance(value, list | dict) else [value]


def _same_options(known: Field, sent: Any, held: Any) -> bool:
    ids = {label.strip().casefold(): key for key, label in known.options} | {
        key: key for key, _ in known.options
    }

    def chosen(value: Any) -> set[str]:
        texts = [str(one) for one in _array(value)]
        return {ids.get(text) or ids.get(text.strip().casefold()) or text for text in texts}

    return chosen(sent) == chosen(held)


def _same_moment(known: Field, sent: Any, held: Any) -> bool:
    """Whether two texts are one moment; a vendor may keep whole seconds, or a thousandth of one."""
    apart = seconds_apart(sent, held)
    return apart < 0.001 or (apart < 1 and datetime.fromisoformat(held).microsecond == 0)


def _same_emails(known: Field, sent: Any, held: Any) -> bool:
    return same_form("email", _array(sent), _array(held))


def _same_numbers(known: Field, sent: Any, held: Any) -> bool:
    return same(each_text(_in_us, _array(sent)), each_text(_in_us, _array(held)))


def _in_us(text: str) -> str:
    number = dialled(text)
    digits = number.partition(";")[0]
    if digits.isdecimal() and len(digits) == 10:
        return f"+1{number}"
    return f"+{number}" if digits.isdecimal() and len(digits) == 11 and digits[0] == "1" else number


def _same_addresses(known: Field, sent: Any, held: Any) -> bool:
    """Whether two web addresses are one: case counts for nothing in the host, nor does a slash at the end."""
    return same(each_text(_address, _array(sent)), each_text(_address, _array(held)))


def _address(text: str) -> str:
    bare = str(trimmed(text))
    try:
        parts = urlsplit(bare)
    except ValueError:
        return bare
    return parts._replace(scheme=parts.scheme, netloc=parts.netloc.lower()).geturl().rstrip("/")


def _same_handles(known: Field, sent: Any, held: Any) -> bool:
    """Whether two are one profile elsewhere, each written as an address or as the name in it."""
    if not isinstance(sent, str) or not isinstance(held, str):
        return False
    first, second = _handle(sent), _handle(held)
    return first == second if len(first) == len(second) > 1 else first[-1] == second[-1]


def _handle(text: str) -> tuple[str, ...]:
    """Return the parts of an address's path, or the name alone."""
    bare = str(trimmed(text)).casefold()
    path = bare.partition("://")[2].partition("/")[2] if "://" in bare else bare
    return tuple(part.removeprefix("@") for part in path.partition("?")[0].split("/") if part) or ("",)


def _same_members(known: Field, sent: Any, held: Any) -> bool:
    """Whether an address holds all that was sent of it: it is not documented whether it keeps the rest."""
    if not isinstance(sent, Mapping) or not isinstance(held, Mapping):
        return False
    return all(same_form("", part, held.get(name)) for name, part in sent.items())


def _same_text(known: Field, sent: Any, held: Any) -> bool:
    return same_form("", each_text(_lines, sent), each_text(_lines, held))


def _lines(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.splitlines())


_KEPT: dict[str, Callable[[Field, Any, Any], bool]] = {
    "SINGLE_SELECT": _same_options,
    "MULTI_SELECT": _same_options,
    "DATETIME": _same_moment,
    "EMAIL": _same_emails,
    "TELEPHONE": _same_numbers,
    "URL": _same_addresses,
    "SOCIAL_HANDLE": _same_handles,
    "ADDRESS": _same_members,
    "MARKDOWN": _same_text,
    "HTML": _same_text,
}
