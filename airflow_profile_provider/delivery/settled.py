"""What came of one planned change: its verdict, and what of the answer others need."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from airflow_profile_provider.errors import VendorError
from airflow_profile_provider.mapping.window import PendingChange
from airflow_profile_provider.records import Change, Verdict


@dataclass(frozen=True, slots=True)
class Looked:
    """How what the vendor holds of a profile compares with a change.

    ``differing`` has what it holds instead, by field; ``unseen`` are the fields that it did not show. Among
    them are relationships, by their `link_name`.
    """

    differing: Mapping[str, Any] = field(default_factory=dict, repr=False)
    unseen: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Settled:
    """The verdict on a planned change. ``reason`` may go to a log, ``full`` to the rejects file alone.

    ``unsure``: an attempt got no answer, and may reach the vendor later, whatever the verdict. ``answered``
    is as in `Acknowledgement`; ``looked`` is there where the change was only compared.
    """

    planned: PendingChange
    verdict: Verdict
    reason: str = ""
    full: str = ""
    unsure: bool = False
    answered: Mapping[str, Any] = field(default_factory=dict, repr=False)
    looked: Looked | None = None


WasAnswered = Callable[[Change, str, Any], bool]
"""Whether the vendor once acknowledged a change's value of a field with this one."""


def never_answered(change: Change, field: str, held: Any) -> bool:
    """Say that it never did."""
    return False


def all_of(batch: list[PendingChange], verdict: Verdict, error: Exception) -> list[Settled]:
    """Return one verdict for all changes of a batch."""
    full = error.full if isinstance(error, VendorError) else str(error)
    return [Settled(planned, verdict, str(error), full) for planned in batch]
