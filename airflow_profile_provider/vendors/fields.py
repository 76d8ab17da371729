"""What a vendor says of its profile fields, and which of them a wrong name may mean."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches


@dataclass(frozen=True, slots=True)
class Field:
    """What a vendor says of one profile field; ``kind`` as in `values`, ``label`` for people."""

    kind: str = "any"
    read_only: bool = False
    choices: frozenset[str] = frozenset()
    label: str = ""


class Catalogue(dict[str, Field]):
    """The fields that a vendor tells, by name; with ``relationships`` where it tells those, too."""

    def __init__(self, fields: Mapping[str, Field] | None = None, relationships: Iterable[str] = ()) -> None:
        super().__init__(fields or {})
        self.relationships = frozenset(relationships)


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
    names = list({**fields, **catalogue})
    return ", ".join(names[:20]) + (" …" if len(names) > 20 else "")
