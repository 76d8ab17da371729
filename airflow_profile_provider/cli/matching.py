"""Which column of a source is which field of a vendor: by name, and never by guessing."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any
from unicodedata import normalize

from airflow_profile_provider.errors import ConfigurationError, InvalidRecord
from airflow_profile_provider.explain.first_look import FirstLook
from airflow_profile_provider.records import Change
from airflow_profile_provider.values import exact_key, is_null
from airflow_profile_provider.vendors.base import Vendor
from airflow_profile_provider.vendors.fields import Field

NO_FIELD = "no field has this name"
_NEAR = 0.8
"""How much of two spellings is alike where one may be a misspelt other."""
_SEPARATORS = (";", "\t", "|")
_MOST_NEAR = 3
"""As many fields are proposed for a column."""
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[^\W\d_A-Za-z]+")


@dataclass(frozen=True)
class Left:
    """A column that is no field of the mapping, why, and which fields it may be for somebody who knows."""

    column: str
    why: str
    perhaps: tuple[str, ...] = ()


@dataclass(frozen=True)
class Match:
    """A mapping, as far as names tell it: vendor field to column, and what is left for people to decide.

    ``labels`` has what people call a field whose name says nothing. ``told`` says whether the vendor's fields
    are known at all; where they are not, each column stands for the field of its own name.
    """

    key: str
    key_type: str
    fields: Mapping[str, str]
    left: tuple[Left, ...] = ()
    unfilled: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    told: bool = True

    def labelled(self, name: str) -> str:
        """Return a field's name, with its label where that says more."""
        return f"{name} ({self.labels[name]})" if name in self.labels else name


def match(look: FirstLook, key: str | None = None, key_type: str | None = None) -> Match:
    """Match columns to fields by name or label, whatever their case, blanks, underscores and hyphens.

    Raises:
        ConfigurationError: no column is the key's, or it cannot be told which one.
    """
    column, kind = _key(look, key, key_type)
    others = [name for name in look.columns if name != column]
    if not look.vendor.fields and not look.catalogue and look.vendor.catalogue_request() is None:
        return _as_they_are(look.vendor, column, kind, others)
    known = {**look.vendor.fields, **look.catalogue}
    return _matched(known, look.catalogue.relationships, column, kind, others)


# -- the key ----------------------------------------------------------------------------------------------


def _key(look: FirstLook, column: str | None, key_type: str | None) -> tuple[str, str]:
    """Return the key's column, and which identifier it is."""
    usable = look.vendor.usable_key_types
    if key_type is not None and key_type not in usable:
        raise ConfigurationError(f"--key-type must be one of {', '.join(usable)}, not {key_type!r}")
    if column is not None and column not in look.columns:
        raise ConfigurationError(f"--key {column!r}: there is no such column; {_listed(look.columns)}")
    wanted = (key_type,) if key_type else usable
    if column is not None:
        by_name = [kind for kind in wanted if _spelt(column) in _names_of_key(look.vendor, kind)]
        by_shape = [kind for kind in wanted if _fits(look, column, kind)]
        return column, next(iter([*by_name, *by_shape, *wanted]))
    unfit = []
    for kind in wanted:
        for name in _names_of_key(look.vendor, kind):
            found = [one for one in look.columns if _spelt(one) == name]
            found = [one for one in found if one in {kind, name}] or found
            if len(found) > 1:
                raise ConfigurationError(f"{_quoted(found)} may each be the key: name one with --key")
            if found and _fits(look, found[0], kind):
                return found[0], kind
            unfit += found
    why = f" ({_quoted(dict.fromkeys(unfit))} holds other values)" if unfit else ""
    raise ConfigurationError(
        f"no column is named like a key of {look.vendor.name} ({', '.join(wanted)}){why}: name it with "
        f"--key; {_listed(look.columns)}"
    )


def _names_of_key(vendor: Vendor, key_type: str) -> list[str]:
    """Return the spellings of a key's column, the plainest last: ``id`` may be anybody's."""
    plain = _spelt(key_type)
    thing = vendor.resource.rstrip("s")
    return [_spelt(f"{vendor.conn_type}{plain}"), _spelt(f"{thing}{plain}"), plain]


def _fits(look: FirstLook, column: str, key_type: str) -> bool:
    """Whether most keys have the shape of those that the vendor makes up; any where it makes up none."""
    shape = look.vendor.vendor_keys.get(key_type)
    values = [row.content.get(column) for row in look.rows]
    given = [value for value in values if not is_null(value) and value != ""]
    good = sum(1 for value in given if _has_shape(value, shape))
    return 2 * good >= len(given)


def _has_shape(value: Any, shape: str | None) -> bool:
    try:
        return shape is None or re.fullmatch(shape, exact_key(value)) is not None
    except InvalidRecord:
        return False


# -- the fields -------------------------------------------------------------------------------------------


def _as_they_are(vendor: Vendor, key: str, key_type: str, columns: Sequence[str]) -> Match:
    """Take each column for the field of its own name, but for those that the vendor cannot take."""
    fields, left = {}, []
    for column in columns:
        try:
            vendor.check_change(Change("1", {column: ""}, key_type))
        except InvalidRecord as error:
            left.append(Left(column, str(error).removeprefix(f"field {column}: ")))
        else:
            fields[column] = column
    return Match(key, key_type, fields, tuple(left), told=False)


def _matched(
    known: Mapping[str, Field], links: Iterable[str], key: str, key_type: str, columns: Sequence[str]
) -> Match:
    spellings = _Spellings(known, links)
    claimed: dict[str, list[str]] = {}
    left: dict[str, Left] = {}
    for column in columns:
        found = spellings.meaning(column)
        if isinstance(found, Left):
            left[column] = found
        else:
            claimed.setdefault(found, []).append(column)
    fields: dict[str, str] = {}
    for name, several in claimed.items():
        taken = name if name in several else several[0] if len(several) == 1 else None
        if taken is not None:
            fields[name] = taken
        for column in several:
            if column != taken:
                others = _quoted(each for each in several if each != column)
                left[column] = Left(column, f"{others} may be this field, too", (name,))
    free = {name: each for name, each in known.items() if name not in claimed and not each.read_only}
    labels = {name: each.label for name, each in known.items() if _says_more(each.label, name)}
    rest = (_with_near(left[column], free) for column in columns if column in left)
    return Match(key, key_type, fields, tuple(rest), tuple(free), labels)


class _Spellings:
    """The fields of a vendor, by what is left of their names and labels."""

    def __init__(self, known: Mapping[str, Field], links: Iterable[str]) -> None:
        self._known = known
        self._by_name = _by_spelling((name, name) for name in known)
        self._by_label = _by_spelling((each.label, name) for name, each in known.items() if each.label)
        self._links = {_spelt(name): name for name in links}

    def meaning(self, column: str) -> str | Left:
        """Return the field that a column is, or why it is none."""
        spelt = _spelt(column)
        found = self._by_name.get(spelt) or self._by_label.get(spelt) or []
        if column in self._known:
            found = [column]
        if len(found) > 1:
            return Left(column, "several fields have this name", tuple(found))
        if found and self._known[found[0]].read_only:
            return Left(column, f"{found[0]} is read-only")
        if found:
            return found[0]
        if spelt in self._links:
            return Left(column, f"{self._links[spelt]} is a relationship, and not a field")
        return Left(column, NO_FIELD)


def _by_spelling(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for text, name in pairs:
        found.setdefault(_spelt(text), []).append(name)
    return found


def _spelt(name: str) -> str:
    """Return what is left of a name whatever its case, blanks, underscores, hyphens and the vendor's $."""
    return "".join(letter for letter in normalize("NFKC", name).casefold() if letter.isalnum())


def _with_near(left: Left, free: Mapping[str, Field]) -> Left:
    """Add the fields that a column may be: those with its words among theirs, or nearly its spelling."""
    if left.perhaps or left.why.endswith("read-only"):
        return left
    words = _words(left.column)
    near = [
        name
        for name, each in free.items()
        if any(words <= other or other <= words for other in (_words(name), _words(each.label)) if other)
    ]
    spellings = {_spelt(name): name for name in free}
    near += [spellings[one] for one in get_close_matches(_spelt(left.column), list(spellings), 1, _NEAR)]
    return Left(left.column, left.why, tuple(dict.fromkeys(near))[:_MOST_NEAR] if words else ())


def _says_more(label: str, name: str) -> bool:
    """Whether a label says to people what a name does not."""
    return _spelt(label) not in {"", _spelt(name)}


def _words(name: str) -> frozenset[str]:
    return frozenset(word.casefold() for word in _WORD.findall(name))


def _quoted(names: Iterable[str]) -> str:
    return ", ".join(map(repr, names))


def _listed(columns: Sequence[str]) -> str:
    shown = ", ".join(map(repr, columns[:50])) + (" …" if len(columns) > 50 else "")
    sign = next((sign for sign in _SEPARATORS if sign in columns[0]), "") if len(columns) == 1 else ""
    hint = f"; is {sign!r} between columns? Then say --option 'csv={{\"delimiter\": {json.dumps(sign)}}}'"
    return f"the columns are {shown}{hint if sign else ''}"
