"""What a push makes of a change, by what the ledger knows of its key: the rules, and nothing that is kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

from airflow_profile_provider.ledger.entry import Entry, now_of
from airflow_profile_provider.ledger.names import kept_name
from airflow_profile_provider.ledger.quarantine import QUARANTINE
from airflow_profile_provider.records import Change, Proposal, Reason, Verdict, order_of

DOUBT_SECONDS = 900.0
"""How long a request without an answer may still be under way: longer than proxies and queues hold one."""


@dataclass(frozen=True, slots=True)
class LedgerOptions:
    """How a push uses its ledger.

    ``run`` names the run that a refusal counts in, once. ``mixed_key_types`` lets a target be known by two
    identifiers, where no person is in both. ``doubt_seconds`` is how long an attempt without an answer may
    still be under way. ``scope`` names the push among those to its target.
    """

    run: str = ""
    changed_fields_only: bool = False
    ignore: bool = False
    baseline: bool = False
    mixed_key_types: bool = False
    doubt_seconds: float = DOUBT_SECONDS
    scope: str = ""


@dataclass(slots=True)
class Candidate:
    """A planned change with its fingerprints: of its row, of each of its parts, and of all of it.

    ``key`` is the one under which the ledger keeps it, ``order`` the place of its version, if it has one.
    """

    key: str
    order: int | None
    change: Change
    row: bytes
    fields: Mapping[str, bytes]
    whole: str


class Judgement(NamedTuple):
    """What becomes of a change: it is proposed to be sent, or has its verdict."""

    verdict: Verdict
    reason: str = ""
    proposal: Proposal | None = None


def judge(
    found: Candidate, entry: Entry, policy: LedgerOptions, now: float, *, kind: str = "", second: bool = False
) -> Judgement:
    """Say what is to be sent of a change, or which verdict it has without being sent.

    ``kind`` is that of the target's versions. ``second``: another change of the key is to be sent before it.
    """
    if problem := _wrong_kind(found.change, kind):
        return Judgement(Verdict.INVALID, problem)
    if is_old(found, entry):
        return Judgement(Verdict.SUPERSEDED, "a newer version is known")
    trusted = is_trusted(found, entry, policy, now, second=second)
    different = differing(found, entry)
    if trusted and not different:
        return Judgement(Verdict.UNCHANGED)
    if is_quarantined(found, entry, policy, now):
        return Judgement(
            Verdict.QUARANTINED, f"was refused in {entry.refusals} runs; it is quarantined for a week"
        )
    why = Reason.CHANGED if entry.fields else Reason.NEW
    if not trusted:
        why = Reason.IGNORED if policy.ignore else Reason.IN_DOUBT
    return Judgement(Verdict.PLANNED, proposal=_proposal(found, why, different if trusted else None, second))


def is_held(row: bytes, entry: Entry, policy: LedgerOptions) -> bool:
    """Whether a row, by its fingerprint, is the one that was acknowledged last; an old entry is looked at."""
    return entry.row == row and not (entry.doubt or entry.unsalted or policy.ignore)


def is_old(found: Candidate, entry: Entry) -> bool:
    """Whether a newer version is known."""
    order, newest = found.order, entry.order
    return order is not None and newest is not None and order < newest


def is_trusted(found: Candidate, entry: Entry, policy: LedgerOptions, now: float, *, second: bool) -> bool:
    """Whether what the ledger says of the key is true when the change's turn comes."""
    doubted = entry.doubt and not entry.is_settled(found.whole, now_of(now))
    return not (doubted or policy.ignore or second)


def is_quarantined(found: Candidate, entry: Entry, policy: LedgerOptions, now: float) -> bool:
    """Whether this very change was refused too often, and not long ago."""
    return not policy.ignore and entry.refused == found.whole and QUARANTINE.is_active(entry, now)


def differing(found: Candidate, entry: Entry) -> frozenset[str]:
    """Return under which names the ledger keeps what differs from what was acknowledged."""
    known = entry.fields.get
    return frozenset([name for name, digest in found.fields.items() if known(name) != digest])


def names_of(change: Change) -> frozenset[str]:
    """Return under which names the ledger keeps the parts of a change."""
    return frozenset(change.fields).union(map(kept_name, change.relationships))


def part_of(proposal: Proposal, policy: LedgerOptions) -> Change:
    """Return what is sent of a change: all of it, or what differs."""
    change = proposal.change
    if not (policy.changed_fields_only and proposal.why in {Reason.NEW, Reason.CHANGED}):
        return change
    return replace(
        change,
        fields={name: change.fields[name] for name in proposal.fields},
        relationships={name: change.relationships[name] for name in proposal.relationships},
        whole=change,
    )


def profile_of(change: Change) -> str:
    """Return under which key the ledger keeps a change: what stands for all spellings of its key."""
    return change.profile or change.key


def place_of(change: Change) -> int | None:
    """Return the place of a change's version among others of its kind; None where it has none."""
    found = order_of(change.version)
    return found[1] if found else None


def newer(one: int | None, other: int | None) -> int | None:
    """Return the later of two places; None stands before all."""
    known = [place for place in (one, other) if place is not None]
    return max(known, default=None)


def _wrong_kind(change: Change, kind: str) -> str:
    """Say that a version cannot be compared with those in the ledger."""
    found = order_of(change.version)
    if found is None or found[0] == kind:
        return ""
    return f"its version is an {found[0]}, and the ledger has an {kind} for this target"


def _proposal(found: Candidate, why: Reason, names: frozenset[str] | None, second: bool) -> Proposal:
    """Propose a change because of some of its parts, or of all (None)."""
    change = found.change
    return Proposal(
        change,
        why,
        tuple(change.fields if names is None else [name for name in change.fields if name in names]),
        tuple([name for name in change.relationships if names is None or kept_name(name) in names]),
        found.whole,
        found.row,
        second,
    )
