"""The nouns that travel through a push: rows in, changes planned, and what became of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import Flag, StrEnum, auto
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple, Self

if TYPE_CHECKING:
    from airflow_profile_provider.checkpoint import Checkpoint as Checkpoint
    from airflow_profile_provider.reports import ReasonCount as ReasonCount
    from airflow_profile_provider.reports import Report as Report
    from airflow_profile_provider.reports import TaskRun as TaskRun


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


ABSENT = object()
"""Stands in a column for a value that its row has not."""

OWN_KEY = "own"
"""The key type of a change whose key is its owner's own, and no identifier of the vendor's."""


@dataclass(frozen=True, slots=True)
class Sought:
    """The vendor's profile that a change with an `OWN_KEY` is for: the one with this value in a field.

    ``by`` is the vendor's field. ``value`` is None where there is none. ``found`` is the vendor's key of the
    profile, empty until it is known; ``missing`` says that there is none, and one is to be made. ``moved``
    says that the profile that was known before is gone.
    """

    by: str
    value: str | None = field(repr=False)
    found: str = field(default="", repr=False)
    moved: bool = False
    missing: bool = False


@dataclass(frozen=True, slots=True)
class Change:
    """One validated change, its values written as the vendor takes them (JSON types).

    ``version`` orders changes of a key (an integer or an ISO-8601 instant). ``relationships`` maps a
    relationship to its operations, for vendors that have them. ``perhaps_sent`` says that an earlier try may
    have sent it without living to see the answer. ``profile`` stands for all spellings of the key that the
    vendor may take for one; empty: the key itself. ``sought`` says how the vendor's profile is found where
    the key is none of the vendor's. Of the fields, those named in ``if_empty`` are only set where the vendor
    holds nothing. ``whole`` is all of a change of which this is a part, for a profile that knows nothing of
    the rest.
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
    whole: Change | None = field(default=None, repr=False)

    @property
    def entire(self) -> Change:
        """All of it, as a profile takes it that is new: also what its last one held already."""
        if self.whole is None:
            return self
        return replace(self, fields=self.whole.fields, relationships=self.whole.relationships, whole=None)

    @property
    def identity(self) -> tuple[str, str]:
        """What names the profile: key type, and what stands for the key."""
        return self.key_type, self.profile or self.key


def link_name(relationship: str) -> str:
    """Return how a relationship is called among fields: one of these may have its name."""
    return f"relationship {relationship}"


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


_NOW_IN = {"Checkpoint": "checkpoint", "ReasonCount": "reports", "Report": "reports", "TaskRun": "reports"}
"""Public names where they used to be; parsing a DAG needs none of them."""


def __getattr__(name: str) -> Any:
    """Import a name that has moved, when it is asked for."""
    if name not in _NOW_IN:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"airflow_profile_provider.{_NOW_IN[name]}"), name)
