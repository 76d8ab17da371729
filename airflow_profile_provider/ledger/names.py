"""Under which names the ledger keeps the parts of a change: a relationship may be called as a field is."""

from __future__ import annotations

_RELATIONSHIP = "\0"
_ANSWER = "\0\0"


def kept_name(relationship: str) -> str:
    """Return the name under which the ledger keeps a relationship; a field's name is kept as it is."""
    return _RELATIONSHIP + relationship


def answer_name(field: str) -> str:
    """Return the name under which the ledger keeps what the vendor answered in a value's place."""
    return _ANSWER + field


def is_answer(kept: str) -> bool:
    """Whether this is such a name."""
    return kept.startswith(_ANSWER)


def shown_name(kept: str) -> str:
    """Return how a field or a relationship is called outside of the ledger."""
    return kept.removeprefix(_RELATIONSHIP)
