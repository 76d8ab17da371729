"""What the ledger knows of a key, held against what a push would send of it."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence

from airflow_profile_provider.explain.explanation import LedgerExplained, RowExplained
from airflow_profile_provider.ledger.admin import instant, version_of
from airflow_profile_provider.ledger.entry import Entry
from airflow_profile_provider.ledger.fingerprints import Fingerprints
from airflow_profile_provider.ledger.names import is_answer, shown_name
from airflow_profile_provider.ledger.quarantine import QUARANTINE
from airflow_profile_provider.records import order_of


def compared(
    entry: Entry | None, rows: Sequence[RowExplained], prints: Fingerprints, kind: str | None
) -> LedgerExplained:
    """Say what differs between a key's entry, None where it has none, and the last change of its rows."""
    if entry is None:
        return LedgerExplained(known=False)
    change = next((row.change for row in reversed(rows) if row.change), None)
    own = prints.of_change(change) if change else None
    mine = own.fields if own else {}
    differing = [name for name, value in mine.items() if entry.fields.get(name) != value]
    order = order_of(change.version) if change else None
    until = QUARANTINE.until(entry) if QUARANTINE.is_active(entry, time.time()) else None
    return LedgerExplained(
        known=True,
        acknowledged=_named(name for name in entry.fields if not is_answer(name)),
        differing=_named(differing),
        equal=_named(name for name in mine if name not in differing),
        in_doubt=bool(entry.doubt),
        version=version_of(entry.order, kind),
        older=_is_older(order, entry.order, kind),
        refusals=entry.refusals,
        refused_at=instant(entry.refused_at) if entry.refusals else None,
        refused_this=own is not None and bool(mine) and entry.refused == own.whole,
        set_aside_until=None if until is None else instant(until),
    )


def _is_older(order: tuple[str, int] | None, newest: int | None, kind: str | None) -> bool | None:
    """Whether a version comes before the newest one; None where there is nothing to compare."""
    return None if order is None or newest is None or order[0] != kind else order[1] < newest


def _named(kept: Iterable[str]) -> tuple[str, ...]:
    return tuple(map(shown_name, kept))
