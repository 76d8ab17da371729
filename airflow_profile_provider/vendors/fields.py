"""What a vendor says of its profile fields, and which of them a wrong name may mean."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from airflow_profile_provider.errors import ConfigurationError


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
    """The fields that a vendor tells, by name; with ``relationships`` where it tells those, too.

    Those may be a mapping to the labels by which people know them.
    """

    def __init__(
        self,
        fields: Mapping[str, Field] | None = None,
        relationships: Mapping[str, str] | Iterable[str] = (),
    ) -> None:
        super().__init__(fields or {})
        self.relationships = frozenset(relationships)
        self.relationship_labels = dict(relationships) if isinstance(relationships, Mapping) else {}


def ids_meant(names: Iterable[str], labels: Mapping[str, str], what: str, whose: str) -> dict[str, str]:
    """Return the id that each name means: it is one of those that have ``labels``, or such a label.

    A name that is neither stays as it is.

    Raises:
        ConfigurationError: several have this label, or two of the names mean one.
    """
    found = {}
    for name in names:
        ids = [] if name in labels else _with_label(name, labels)
        if len(ids) > 1:
            raise ConfigurationError(
                f"{whose} has {len(ids)} {what}s of the label {name!r}: name one by its id, "
                f"{' or '.join(map(repr, ids[:10]))}; nothing was sent"
            )
        found[name] = ids[0] if ids else name
    if twice := [one for one, times in Counter(found.values()).items() if times > 1]:
        named = " and ".join(repr(name) for name in found if found[name] == twice[0])
        raise ConfigurationError(f"{named} are one {what}: name it once; nothing was sent")
    return found


def _with_label(label: str, labels: Mapping[str, str]) -> list[str]:
    return [name for name, known in labels.items() if known and known.strip() == label.strip()]


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
