"""The nouns that travel through a push: rows in, changes planned, verdicts and a report out."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import UTC, datetime, timedelta
from enum import Flag, StrEnum, auto
from functools import lru_cache
from typing import Any, NamedTuple, Self
from zlib import compress, decompress


class Group(Flag):
    """What verdicts have in common, for those who count, keep or replay records."""

    ACKNOWLEDGED = auto()
    """The vendor confirmed the change in this push."""
    HELD = auto()
    """The vendor is known to hold what the change says."""
    OWED = auto()
    """The change is still owed to the vendor."""
    FINAL = auto()
    """A later try need not look at the change again."""
    NEEDLESS = auto()
    """The change needed no delivery: it counts neither as a success nor as a failure."""
    KEPT = auto()
    """The change is written to the rejects file, from which it can be pushed again."""


class Verdict(StrEnum):
    """What became of a change, and the groups that this belongs to.

    Every change that is received ends in exactly one of these.
    """

    groups: Group
    acknowledged: bool
    """Whether the vendor confirmed the change in this push."""
    undelivered: bool
    """Whether the change is still owed to the vendor."""
    final: bool
    """Whether a later try need not look at the change again."""
    kept: bool
    """Whether the change is written to the rejects file."""

    def __new__(cls, value: str, groups: Group) -> Self:
        """Make a verdict that is equal to its text, and knows its groups."""
        verdict = str.__new__(cls, value)
        verdict._value_ = value
        verdict.groups = groups
        # Asked for each record, so they are looked up once.
        verdict.acknowledged = Group.ACKNOWLEDGED in groups
        verdict.undelivered = Group.OWED in groups
        verdict.final = Group.FINAL in groups
        verdict.kept = Group.KEPT in groups
        return verdict

    # acknowledged by the vendor
    PUSHED = "pushed", Group.ACKNOWLEDGED | Group.HELD | Group.FINAL
    # acknowledged, made new
    CREATED = "created", Group.ACKNOWLEDGED | Group.HELD | Group.FINAL
    # the vendor is known to hold it already
    UNCHANGED = "unchanged", Group.HELD | Group.FINAL | Group.NEEDLESS
    # a later change of the same key took its place and was acknowledged
    SUPERSEDED = "superseded", Group.HELD | Group.FINAL | Group.NEEDLESS
    # refused before sending
    INVALID = "invalid", Group.OWED | Group.FINAL | Group.KEPT
    # the vendor refused this record
    REJECTED = "rejected", Group.OWED | Group.FINAL | Group.KEPT
    # no acknowledgement after all retries
    FAILED = "failed", Group.OWED | Group.KEPT
    # refused too often with this very value
    QUARANTINED = "quarantined", Group.FINAL | Group.NEEDLESS | Group.KEPT
    # the push stopped before it
    UNSENT = "unsent", Group.OWED | Group.KEPT
    # would be sent, and is not: by a plan, or because the push sends no more of them
    PLANNED = "planned", Group.FINAL
    # an audit has looked: the vendor holds it
    VERIFIED = "verified", Group.HELD | Group.FINAL
    # an audit has looked: the vendor holds something else
    DRIFTED = "drifted", Group.FINAL
    # an audit has looked: the vendor has no such profile
    MISSING = "missing", Group.FINAL

    @classmethod
    def of(cls, group: Group) -> tuple[Self, ...]:
        """Return the verdicts of a group, in their order."""
        return tuple(verdict for verdict in cls if group in verdict.groups)


class Row(NamedTuple):  # made for every record, in half the time that a frozen dataclass takes
    """One record as the source gave it.

    ``position`` counts from 1: the line of a text file, else the record. ``content`` is a mapping of column
    to value, or the raw text where it could not be read; ``problem`` then says why. ``text`` marks a source
    without types (CSV), whose cells are parsed to the fields' types and whose empty cells are null.
    ``fingerprint`` is the row's, where it was needed already. ``replayed`` marks one that a push wrote down
    as undelivered: it is as it was then, and need not have every column. ``verdict`` is what became of it
    where the source knows already that nothing of it is to be sent. ``refused`` says why it must not be sent
    though nothing is wrong with it alone.
    """

    position: int
    content: Any
    text: bool = False
    problem: str = ""
    fingerprint: bytes | None = None
    replayed: bool = False
    verdict: Verdict | None = None
    refused: str = ""


OWN_KEY = "own"
"""The key type of a change whose key is its owner's own, and no identifier of the vendor's."""


@dataclass(frozen=True, slots=True)
class Sought:
    """The vendor's profile that a change with an `OWN_KEY` is for: the one with this value in a field.

    ``by`` is the vendor's field. ``value`` is None where there is none. ``found`` is the vendor's key of the
    profile, empty until it is known; ``missing`` says that there is none, and one is to be made. ``moved``
    says that the profile that was known before is gone. ``whole`` is all of a change of which this is a part,
    for a profile that knows nothing of the rest.
    """

    by: str
    value: str | None = field(repr=False)
    found: str = field(default="", repr=False)
    moved: bool = False
    missing: bool = False
    whole: Change | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Change:
    """One validated change, its values written as the vendor takes them (JSON types).

    ``version`` orders changes of a key (an integer or an ISO-8601 instant). ``relationships`` maps a
    relationship to its operations, for vendors that have them. ``perhaps_sent`` says that an earlier try may
    have sent it without living to see the answer. ``profile`` stands for all spellings of the key that the
    vendor may take for one; empty: the key itself. ``sought`` says how the vendor's profile is found where
    the key is none of the vendor's. Of the fields, those named in ``if_empty`` are only set where the vendor
    holds nothing.
    """

    key: str
    fields: Mapping[str, Any]
    key_type: str
    position: int = 0
    version: int | str | None = None
    relationships: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    perhaps_sent: bool = False
    profile: str = ""
    sought: Sought | None = None
    if_empty: frozenset[str] = frozenset()

    @property
    def identity(self) -> tuple[str, str]:
        """What names the profile: key type, and what stands for the key."""
        return self.key_type, self.profile or self.key


class Leaver(dict[str, Any]):
    """The content of a row that a push makes itself: a change of a key that its source no longer has.

    It has the members of a change, whatever the mapping of the push.
    """


LEAVERS_FROM = 1 << 52
"""Leavers have positions from here on, each its own in every try of a push: no source has so many records."""


def is_leaver(position: int) -> bool:
    """Whether a position is that of a leaver, not one of a record of the source."""
    return position >= LEAVERS_FROM


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def order_of(version: int | str | None) -> tuple[str, int] | None:
    """Return a version's kind and its place among others of its kind, or None where there is none.

    An instant without an offset is one of UTC; its place is its microseconds since 1970.
    """
    if version is None:
        return None
    if isinstance(version, int):
        return "integer", version
    instant = datetime.fromisoformat(version)
    if instant.tzinfo is None:
        instant = instant.replace(tzinfo=UTC)
    return "instant", (instant - _EPOCH) // timedelta(microseconds=1)


class Reason(StrEnum):
    """Why a change would be sent."""

    NEW = "new"  # the vendor has acknowledged nothing of its key
    CHANGED = "changed"  # it differs from what the vendor has acknowledged
    IN_DOUBT = "in doubt"  # what the vendor holds is not known for sure
    IGNORED = "the ledger is ignored"
    NO_LEDGER = "there is no ledger"
    DRIFTED = "drifted"  # an audit found something else at the vendor


class Proposal(NamedTuple):
    """A change that would be sent, and why.

    ``row`` and ``whole`` are the fingerprints of its row and of all of it; ``fields`` and ``relationships``
    name what differs. ``again``: another change of its key comes before it.
    """

    change: Change
    why: Reason
    fields: tuple[str, ...]
    relationships: tuple[str, ...]
    whole: str
    row: bytes = b""
    again: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskRun:
    """Which task pushes, as Airflow names it; outside of Airflow, ``run`` alone says anything."""

    dag: str = ""
    run: str = ""
    task: str = ""
    map_index: int = -1
    try_number: int = 1


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """The vendor's confirmation of every change in a batch, but those that ``failed``: by place, and why.

    ``created`` says that the profile was made new, ``made`` under which of the vendor's keys, where that was
    sought; ``unchanged`` that the vendor was read, holds all of it already, and was sent nothing; ``warning``
    what the vendor did differently (no values). ``answered`` has the fields of one change that the vendor
    keeps in another form, as it keeps them.
    """

    created: bool = False
    made: str = field(default="", repr=False)
    unchanged: bool = False
    warning: str = ""
    failed: Mapping[int, Exception] = field(default_factory=dict)
    answered: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class ReasonCount:
    """How many records got a verdict for one reason: it names statuses, codes and fields, never a value."""

    verdict: str
    reason: str
    count: int

    @classmethod
    def most_frequent(cls, counted: Mapping[tuple[str, str], int], most: int) -> tuple[Self, ...]:
        """Return those of (verdict, reason) that were counted most often, the most frequent first."""
        found = sorted((-count, verdict, reason) for (verdict, reason), count in counted.items() if count > 0)
        return tuple(cls(str(verdict), reason, -count) for count, verdict, reason in found[:most])


MOST_TOLD = 10
"""Reasons that a report tells."""
MOST_REASONS = 100
"""Reasons that are remembered between the tries of a push, so that those that are told add up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The outcome of one push: a count per verdict, why, and what it cost.

    ``requests`` counts every HTTP request, tokens, reads and retries included; times are in seconds.
    ``absent`` counts keys that the source no longer has; those of them to which something was sent are among
    the received changes, too. ``throttled`` counts answers 429; ``quota_share`` is the share
    of what the quota allowed in that time, from 0 to 1, or None where there is no quota. ``complete`` is
    False when the push stopped early. ``rejects`` is the path of the undelivered changes.
    """

    received: int = 0
    pushed: int = 0
    created: int = 0
    unchanged: int = 0
    superseded: int = 0
    invalid: int = 0
    rejected: int = 0
    failed: int = 0
    quarantined: int = 0
    unsent: int = 0
    planned: int = 0
    verified: int = 0
    drifted: int = 0
    missing: int = 0
    absent: int = 0
    requests: int = 0
    retries: int = 0
    throttled: int = 0
    throttled_seconds: float = 0.0
    quota_share: float | None = None
    seconds: float = 0.0
    complete: bool = True
    rejects: str | None = None
    reasons: tuple[ReasonCount, ...] = ()

    @property
    def acknowledged(self) -> int:
        """How many changes the vendor confirmed in this push."""
        return sum(getattr(self, verdict) for verdict in Verdict.of(Group.ACKNOWLEDGED))

    @property
    def looked_at(self) -> int:
        """How many records an audit compared with what the vendor holds."""
        return self.verified + self.differing

    @property
    def differing(self) -> int:
        """Of how many records an audit found something else at the vendor, or no profile."""
        return self.drifted + self.missing

    @property
    def undelivered(self) -> int:
        """How many changes are still owed to the vendor."""
        return sum(getattr(self, verdict) for verdict in Verdict.of(Group.OWED))

    @property
    def needed(self) -> int:
        """How many changes needed delivery: all but those that the vendor holds, or that wait for later."""
        needless: int = sum(getattr(self, verdict) for verdict in Verdict.of(Group.NEEDLESS))
        tried = self.acknowledged + self.rejected + self.failed + self.unsent
        left = self.planned if tried else 0  # a push sends no more than its limit; a plan sends nothing
        return self.received - needless - left

    def plus(self, later: Report, *, complete: bool = True) -> Report:
        """Return the report of this part of a push and a later one together."""
        added: dict[str, Any] = {
            item.name: getattr(self, item.name) + getattr(later, item.name)
            for item in fields(self)
            if item.name not in {"complete", "rejects", "reasons", "quota_share"}
        }
        for name in ("throttled_seconds", "seconds"):
            added[name] = round(added[name], 3)
        return Report(
            **added,
            quota_share=self._mean_share(later),
            complete=complete,
            rejects=later.rejects,
            reasons=self._all_reasons(later),
        )

    def _mean_share(self, later: Report) -> float | None:
        """Return the mean of both shares of the quota, by the time that each push ran."""
        parts = [(part.quota_share, part.seconds) for part in (self, later) if part.quota_share is not None]
        if not parts:
            return None
        seconds = sum(each for _, each in parts)
        if not seconds:
            return max(share for share, _ in parts)
        return round(sum(share * each for share, each in parts) / seconds, 3)

    def _all_reasons(self, later: Report) -> tuple[ReasonCount, ...]:
        counted: Counter[tuple[str, str]] = Counter()
        for each in (*self.reasons, *later.reasons):
            counted[each.verdict, each.reason] += each.count
        return ReasonCount.most_frequent(counted, MOST_REASONS)

    @classmethod
    def total(cls, reports: Iterable[Report]) -> Report:
        """Return the report of pushes that shared the work; seconds are summed, too.

        It is complete if each of them is; ``rejects`` is None where there are several such files.
        """
        whole, files = Report(), []
        for report in reports:
            whole = whole.plus(report, complete=whole.complete and report.complete)
            files += [report.rejects] if report.rejects else []
        return replace(whole, rejects=files[0] if len(files) == 1 else None)

    @property
    def top_reason(self) -> str:
        """Why most of what was not delivered was not, in words; empty where all was."""
        owed = {verdict.value for verdict in Verdict.of(Group.OWED)}
        for each in self.reasons:
            if each.verdict in owed:
                what = f"{each.count} {each.verdict}"
                return f"{what}: {each.reason}" if each.reason else what
        return ""

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> Self:
        """Read a report that `as_dict` wrote, of this version of the package or another."""
        known = {item.name: stored[item.name] for item in fields(cls) if item.name in stored}
        reasons = (
            ReasonCount(each["verdict"], each["reason"], each["count"]) for each in known.pop("reasons", ())
        )
        return cls(**known, reasons=tuple(reasons))

    def as_dict(self, most_reasons: int = MOST_TOLD) -> dict[str, Any]:
        """Return the report as it goes to XCom."""
        told = {item.name: getattr(self, item.name) for item in fields(self)}
        return told | {"reasons": [asdict(each) for each in self.reasons[:most_reasons]]}

    def __str__(self) -> str:
        counts = ", ".join(
            f"{getattr(self, verdict)} {verdict}" for verdict in Verdict if getattr(self, verdict)
        )
        absent = f"; {self.absent} absent from the source" if self.absent else ""
        return f"{self.received} received: {counts or 'nothing to send'}{absent}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """How far a push has come: all that a later try needs to go on, and no value of any record.

    ``mark`` is the low-water mark: every record at an earlier position is settled for good, and those at the
    few positions ``ahead`` are, too. ``report`` holds their counts, and the cost so far. ``rejects`` and
    ``delivered`` are the files to go on with, and how many bytes of each belong to this checkpoint. ``ages``
    tells how many seconds before ``at`` (Unix time) each request was answered that still counts against the
    quota. ``taken`` counts the records that were sent for good, where a push has a limit. ``ended`` says that
    nothing was sent after it.

    An audit settles records in the order in which the vendor lists them: ``settled`` has a bit for each
    position that is, packed as text; ``cursor`` tells where in the list it goes on; ``audit`` is its file;
    ``found`` sums up what it found.
    """

    fingerprint: str
    mark: int
    ahead: tuple[int, ...] = ()
    report: Mapping[str, Any]
    rejects: str | None = None
    rejects_bytes: int = 0
    delivered: str | None = None
    delivered_bytes: int = 0
    ages: tuple[float, ...] = ()
    at: float = 0.0
    taken: int = 0
    ended: bool = False
    audit: str | None = None
    audit_bytes: int = 0
    settled: str = ""
    cursor: str | None = None
    found: str = ""

    def covers(self, position: int) -> bool:
        """Whether the record at position is settled for good."""
        if position < self.mark or position in self.ahead:
            return True
        return bool(self.settled) and has_bit(unpacked_bits(self.settled), position)

    def as_dict(self) -> dict[str, Any]:
        """Return the checkpoint as it is stored."""
        found = asdict(self) | {"ages": [round(age, 3) for age in self.ages], "ahead": list(self.ahead)}
        return {name: value for name, value in found.items() if value or name not in _OF_AUDITS}

    @classmethod
    def of(cls, stored: Any) -> Self | None:
        """Read a checkpoint that was stored; None where it is none, or one of another version."""
        names = {item.name for item in fields(cls)}
        if not isinstance(stored, Mapping) or not names - _OF_AUDITS <= set(stored) <= names:
            return None
        return cls(**{**stored, "ages": tuple(stored["ages"]), "ahead": tuple(stored["ahead"])})


_OF_AUDITS = frozenset({"audit", "audit_bytes", "settled", "cursor", "found"})
"""Members of a checkpoint that pushes have no use for."""


@lru_cache(1)
def unpacked_bits(text: str) -> bytes:
    """Return bits that `packed_bits` wrote."""
    return decompress(b64decode(text)) if text else b""


def packed_bits(bits: bytes | bytearray) -> str:
    """Write bits as text."""
    return b64encode(compress(bits)).decode() if bits else ""


def has_bit(bits: bytes | bytearray, position: int) -> bool:
    """Whether the bit at a position is set."""
    byte = position >> 3
    return byte < len(bits) and bool(bits[byte] & 1 << (position & 7))


_REJECTED = frozenset(verdict.value for verdict in Verdict.of(Group.KEPT))
_REJECTED_ROW = frozenset(
    {"row", "version", "text", "types", "unread", "verdict", "reason", "position", "place"}
)
_REJECTED_CHANGE = frozenset(
    {
        "key",
        "key_type",
        "fields",
        "relationships",
        "match",
        "version",
        "text",
        "types",
        "verdict",
        "reason",
        "position",
        "place",
    }
)


def is_reject(content: Any) -> bool:
    """Whether content is, member by member, a line that a push wrote for an undelivered change."""
    if "verdict" not in content or not has_verdict(content):
        return False
    shape = _REJECTED_ROW if "row" in content else _REJECTED_CHANGE
    whole = "row" in content or ("key" in content and "fields" in content)
    return whole and shape.issuperset(content)


def has_verdict(content: Mapping[str, Any]) -> bool:
    """Whether content has the members that a push adds to an undelivered change."""
    verdict, position = content.get("verdict"), content.get("position")
    return (
        isinstance(verdict, str)
        and verdict in _REJECTED
        and isinstance(content.get("reason"), str)
        and isinstance(position, int)
        and not isinstance(position, bool)
    )
