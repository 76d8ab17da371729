"""Whether a vendor holds what was sent: in another spelling that means the same, or something else."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from unicodedata import normalize

from airflow_profile_provider.values import canonical, same

_EXTENSION = re.compile(r"\s*(?:;?\s*ext\.?\s*=?|[x#])\s*(\d{1,10})$", re.IGNORECASE)
_PUNCTUATION = re.compile(r"[\s().\-/\u2010-\u2015]+")
_SCHEME = re.compile(r"^[a-z][a-z+.-]*://(www\.)?")
_TAG = re.compile(r"<[^<>]*>")
_PHONE = re.compile(r"\+?\d{5,20}", re.ASCII)


def same_form(form: str, sent: Any, held: Any) -> bool:
    """Whether two values are one, for a field of this form: "email", "phone", "unordered", or plain."""
    if same(sent, held):
        return True
    try:
        return bool(_FORMS.get(form, _plain)(sent, held))
    except RecursionError:  # an answer may be nested as deeply as it likes
        return False


def trimmed(value: Any) -> Any:
    """Return a value whose texts have no blanks around them, each letter written in one way."""
    if isinstance(value, str):
        return normalize("NFC", value).strip()
    if isinstance(value, list | tuple):
        return [trimmed(item) for item in value]
    if isinstance(value, dict):
        return {name: trimmed(item) for name, item in value.items()}
    return value


def dialled(text: str) -> str:
    """Return a telephone number as it is dialled: digits, with a plus before a country's, and an extension.

    A text that is no number stays what it is. A national number is not the international one: the country
    that makes it one is not known here.
    """
    bare = trimmed(text)
    extension = _EXTENSION.search(bare)
    digits = _PUNCTUATION.sub("", bare[: extension.start()] if extension else bare)
    if digits.startswith("00"):
        digits = f"+{digits[2:]}"
    if not _PHONE.fullmatch(digits):
        return str(bare)
    return f"{digits};ext={extension[1]}" if extension else digits


def is_akin(sent: Any, held: Any) -> bool:
    """Whether a value may be another one in a form that nobody has documented: they share what they say.

    The letters and digits of one are among those of the other, for some text of either. What shares nothing
    is another value, such as the one that was there before.
    """
    first, second = (set(filter(None, map(_letters, _texts(value)))) for value in (sent, held))
    return any(one in other or other in one for one in first for other in second)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list | tuple):
        for item in value:
            yield from _texts(item)
    elif value is not None and not isinstance(value, bool):
        yield str(value)


def _letters(text: str) -> str:
    """Return the letters and digits of a text; of a telephone number, the digits alone."""
    bare = _TAG.sub("", _SCHEME.sub("", normalize("NFKD", text).casefold().strip()))
    found = "".join(letter for letter in bare if letter.isalnum())
    digits = "".join(letter for letter in found if letter.isdecimal())
    return digits.lstrip("0") if 2 * len(digits) > len(found) else found


def each_text(change: Callable[[str], str], value: Any) -> Any:
    """Return a value with this done to its text, or to each text of an array."""
    if isinstance(value, str):
        return change(value)
    return [each_text(change, item) for item in value] if isinstance(value, list | tuple) else value


def _plain(sent: Any, held: Any) -> bool:
    return same(trimmed(sent), trimmed(held))


def _email(sent: Any, held: Any) -> bool:
    first, second = (each_text(lambda text: str(trimmed(text)).casefold(), value) for value in (sent, held))
    return same(first, second)


def _phone(sent: Any, held: Any) -> bool:
    return same(each_text(dialled, sent), each_text(dialled, held))


def _unordered(sent: Any, held: Any) -> bool:
    if not isinstance(sent, list) or not isinstance(held, list):
        return _plain(sent, held)
    return {canonical(trimmed(one)) for one in sent} == {canonical(trimmed(one)) for one in held}


_FORMS = {"email": _email, "phone": _phone, "unordered": _unordered}


def is_empty(value: Any) -> bool:
    """Whether a vendor that shows this of a field holds nothing there."""
    return or_none(value.strip() if isinstance(value, str) else value) is None


def or_none(value: Any) -> Any:
    """Return what a vendor shows of a field; None where that is empty."""
    return None if value in ("", [], {}) else value
