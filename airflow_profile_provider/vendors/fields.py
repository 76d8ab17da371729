"""What a vendor says of its profile fields, and which of them a wrong name may mean."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches


@dataclass(frozen=True, slots=True)
class Field:
    """What a vendor says of one profile field; ``kind`` as in `values`, ``label`` for people.

    ``type`` is the vendor's own word for its type, where it has one. ``form`` says which spellings of a value
    are one: those of an "email" address or a "phone" number, or "unordered" where the order of an array means
    nothing. ``options`` are the values that are offered, each with its label; ``required``: whether a profile
    cannot be without.
    """

    kind: str = "any"
    read_only: bool = False
    choices: frozenset[str] = frozenset()
    label: str = ""
    type: str = ""
    form: str = ""
    options: tuple[tuple[str, str], ...] = ()
    required: bool = False


@dataclass(frozen=True, slots=True)
class FieldInfo:
    """One field as people are told of it: a change names it by its ``id``; ``type`` is the vendor's word.

    ``options``: the values that it takes, each with what people read for it; empty where any will do.
    """

    id: str
    label: str
    type: str
    options: Mapping[str, str]
    read_only: bool
    required: bool


def field_info(name: str, known: Field) -> FieldInfo:
    """Return what people are told of a field."""
    options = dict(known.options) or {choice: choice for choice in sorted(known.choices)}
    kind = known.type or known.kind
    return FieldInfo(name, known.label or name, kind, options, known.read_only, known.required)


class Catalogue(dict[str, Field]):
    """The fields that a vendor tells, by name; with ``relationships`` where it tells those, too."""

    def __init__(self, fields: Mapping[str, Field] | None = None, relationships: Iterable[str] = ()) -> None:
        super().__init__(fields or {})
        self.relationships = frozenset(relationships)


def with_label(label: str, fields: Mapping[str, Field]) -> list[str]:
    """Return the ids of the fields that people know by this label."""
    return [name for name, known in fields.items() if known.label and known.label.strip() == label.strip()]


def meant(name: str, labels: Mapping[str, str]) -> str:
    """Guess which of the names was meant, by name or by label; nothing where none is near."""
    spelt = {label.lower(): known for known, label in labels.items() if label}
    spelt |= {known.lower(): known for known in labels}
    found = get_close_matches(str(name).lower(), list(spelt), 1)
    if not found:
        return ""
    known = spelt[found[0]]
    return (
        f" (did you mean {known!r}?)" if not labels[known] else f" (did you mean {known!r}, {labels[known]}?)"
    )


def some_of(fields: Mapping[str, Field], catalogue: Mapping[str, Field]) -> str:
    """Return the names of the fields, the first twenty of them."""
    return listed(list({**fields, **catalogue}))


def listed(names: Sequence[str]) -> str:
    """Return names in a row, the first twenty of them."""
    return ", ".join(names[:20]) + (" …" if len(names) > 20 else "")
