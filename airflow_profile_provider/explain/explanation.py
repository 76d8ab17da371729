"""One key, explained: what `explain` returns, and how it is printed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from airflow_profile_provider.explain.exchanges import HIDDEN, Exchange
from airflow_profile_provider.records import Change, Verdict
from airflow_profile_provider.sources.replaying import kept


@dataclass(frozen=True, slots=True, kw_only=True)
class RowExplained:
    """A row of the key: what it asks for, and what a push would make of it.

    ``verdict`` is "planned" where it would be sent, ``why`` the reason, ``fields`` the names of those that
    make a difference. ``part`` is what of the change would be sent; None: all of it. ``place`` is the file
    and line of the row, where there are several files.
    """

    position: int
    content: Any = field(repr=False)
    change: Change | None = field(repr=False)
    verdict: Verdict
    why: str = ""
    fields: tuple[str, ...] = ()
    part: Change | None = field(default=None, repr=False)
    place: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerExplained:
    """What the ledger knows of the key, and how the last of its rows compares.

    ``differing`` and ``equal`` are names of fields, "in a relationship" included; times are ISO 8601.
    ``version`` is the newest version seen.
    """

    known: bool
    acknowledged: tuple[str, ...] = ()
    differing: tuple[str, ...] = ()
    equal: tuple[str, ...] = ()
    in_doubt: bool = False
    version: int | str | None = None
    older: bool | None = None
    refusals: int = 0
    refused_at: str | None = None
    refused_this: bool = False
    set_aside_until: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return it as it is printed."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """What a push makes of the answers to what was sent for these rows."""

    positions: tuple[int, ...]
    verdict: Verdict
    reason: str
    full: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """One key, explained. ``read`` counts the source's rows, ``unreadable`` those of them that are none."""

    vendor: str
    target: str
    key: str = field(repr=False)
    key_type: str
    is_vendor_key: bool
    """Whether the vendor made the key up, so that it is no value."""
    read: int
    unreadable: int
    rows: tuple[RowExplained, ...]
    ledger: LedgerExplained | None
    requests: tuple[Exchange, ...]
    sent: bool
    deliveries: tuple[Delivery, ...] = ()
    notes: tuple[str, ...] = ()
    made: Mapping[str, str] = field(default_factory=dict)
    """Which fields an expression makes, and how it is written, without values."""

    @property
    def undelivered(self) -> bool:
        """Whether something was sent, or had to be, and is still owed to the vendor."""
        verdicts = [*(row.verdict for row in self.rows), *(done.verdict for done in self.deliveries)]
        return self.sent and any(verdict.undelivered for verdict in verdicts)

    def as_dict(self, *, redact: bool = False) -> dict[str, Any]:
        """Return all of it in JSON's types; ``redact`` leaves out profile values. No credential is in it."""
        hide_key = redact and not self.is_vendor_key
        return {
            "vendor": self.vendor,
            "target": self.target,
            "key": HIDDEN if hide_key else self.key,
            "key_type": self.key_type,
            "read": self.read,
            "unreadable": self.unreadable,
            "rows": [_row_dict(row, redact, hide_key) for row in self.rows],
            "ledger": self.ledger.as_dict() if self.ledger else None,
            "requests": [request.as_dict(redact=redact, hide_address=hide_key) for request in self.requests],
            "sent": self.sent,
            "deliveries": [
                {
                    "positions": list(done.positions),
                    "verdict": done.verdict.value,
                    "reason": done.reason if redact else done.full,
                }
                for done in self.deliveries
            ],
            "notes": list(self.notes),
            **({"made": dict(self.made)} if self.made else {}),
        }


def _row_dict(row: RowExplained, redact: bool, hide_key: bool) -> dict[str, Any]:
    shown: dict[str, Any] | None = None
    if row.change:
        shown = {"key": HIDDEN if hide_key else row.change.key, "key_type": row.change.key_type}
        shown |= {"version": row.change.version} if row.change.version is not None else {}
        shown["fields"] = _values(row.change.fields, redact)
        if row.change.relationships:
            shown["relationships"] = _values(row.change.relationships, redact)
    return {
        "position": row.position,
        **({"place": row.place} if row.place else {}),
        "row": _values(row.content, redact),
        "change": shown,
        "verdict": row.verdict.value,
        "why": row.why,
        "fields": list(row.fields),
    }


def _values(content: Any, redact: bool) -> Any:
    """Return what a mapping holds as the rejects would, or only its names and which of them are null."""
    if not redact:
        return kept(content)[0]
    if not isinstance(content, Mapping):
        return HIDDEN
    return {str(name): None if value is None else HIDDEN for name, value in content.items()}
