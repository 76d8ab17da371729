"""Looks at all that would be sent before anything is: too much, not as approved, or only to be shown."""

from __future__ import annotations

import io
import pickle
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from hashlib import sha256
from operator import attrgetter
from tempfile import TemporaryFile, gettempdir
from typing import IO, Any, Protocol

from airflow_profile_provider.errors import OutputFailed
from airflow_profile_provider.options import Share
from airflow_profile_provider.records import Change, Proposal, Reason, Verdict, is_leaver
from airflow_profile_provider.reports import Report

SHOWN = 10
ABSENT = "absent from the source"
"""Why something would be sent to a leaver."""
SPOOLED_AT_ONCE = 100


_REASONS = {reason.value: reason for reason in Reason}
_OF_CHANGE = attrgetter(*(one.name for one in fields(Change)))


class Spool:
    """Proposals in a private file, so that memory does not grow with them.

    What could not be written, because the disk is full, is still in memory: nothing that was added is lost.
    """

    def __init__(self) -> None:
        self._file: IO[bytes] = TemporaryFile(buffering=0)  # noqa: SIM115 -- closed by close()
        self._reader: io.BufferedReader | None = None  # closes the file when it goes: kept until then
        self._ends = 0
        self._waiting: list[tuple[Any, ...]] = []
        self._number = 0

    def __len__(self) -> int:
        """Return how many there are."""
        return self._number

    def add(self, proposal: Proposal) -> None:
        """Put one at the end.

        Raises:
            OutputFailed: there is no room for more.
        """
        self._number += 1
        self._waiting.append((_OF_CHANGE(proposal.change), proposal.why.value, *proposal[2:]))
        if len(self._waiting) >= SPOOLED_AT_ONCE:
            try:
                self._write()
            except OSError as error:
                self._file.truncate(self._ends)
                raise OutputFailed(
                    f"the temporary file of the plan cannot be written ({error.strerror}): make room "
                    f"in {gettempdir()}, or set TMPDIR"
                ) from None

    def _write(self) -> None:
        # Dataclasses would take twice as long, and so would one at a time.
        content = pickle.dumps(self._waiting, pickle.HIGHEST_PROTOCOL)
        left = memoryview(content)
        while left:
            left = left[self._file.write(left) :]
        self._ends += len(content)
        self._waiting.clear()

    def __iter__(self) -> Iterator[Proposal]:
        """Read them from the start."""
        self._reader = reader = self._reader or io.BufferedReader(self._file)  # type: ignore[arg-type]
        reader.seek(0)
        while reader.tell() < self._ends:
            # Written by this process, readable by nobody else.
            yield from map(_proposal, pickle.load(reader))
        yield from map(_proposal, self._waiting)

    def close(self) -> None:
        """Forget them."""
        (self._reader or self._file).close()


def _proposal(parts: tuple[Any, ...]) -> Proposal:
    change, why, *others = parts
    return Proposal(Change(*change), _REASONS[why], *others)


class PlanFile(Protocol):
    """Where a plan is written."""

    def add(self, line: Mapping[str, Any]) -> None:
        """Write a line."""

    def close(self) -> None:
        """Finish."""


@dataclass
class PlanReview:
    """What a plan must not exceed, or must equal.

    ``most`` is a count or a share of the received records; ``approved`` the id of the plan that
    was approved; ``only_plan`` sends nothing. ``values`` puts values into the plan's file. ``first``: the
    ledger knows nothing so far.
    """

    most: Share | None = None
    approved: str | None = None
    only_plan: bool = False
    file: PlanFile | None = None
    values: bool = False
    first: bool = False
    whole: tuple[int, int] | None = None
    """Of a share, the whole source: how many would change, of how many; leavers are not among them."""
    place_of: Callable[[int], str] = lambda position: ""
    made: Callable[[], Mapping[str, object]] = dict
    """Returns the fields that an expression makes, each with its expression."""
    changes: int = 0
    left: int = 0
    """How many more would be sent, and are left for later."""
    _sum: int = field(default=0, repr=False)
    _again: Counter[tuple[str, str]] = field(default_factory=Counter, repr=False)
    _why: Counter[str] = field(default_factory=Counter, repr=False)
    _fields: Counter[str] = field(default_factory=Counter, repr=False)
    _unknown: int = 0
    _first: list[str] = field(default_factory=list, repr=False)

    @property
    def plan_id(self) -> str:
        """Name the plan: how many changes, and a hash over their keys and fingerprints, in whatever order."""
        return f"{self.changes}-{self._sum % 2**256:064x}"

    def look_at(self, proposal: Proposal) -> None:
        """Count a change that would be sent."""
        change = proposal.change
        self.changes += 1
        self._unknown += bool(change.sought and not change.sought.found)
        named = f"{change.key_type}\0{change.key}\0{proposal.whole}"
        if proposal.again:  # the order of the changes of one key matters
            self._again[change.identity] += 1
            named += f"\0{self._again[change.identity]}"
        self._sum += int.from_bytes(sha256(named.encode()).digest(), "big")
        left = is_leaver(change.position)
        self._why[ABSENT if left else proposal.why] += 1
        names = [*proposal.fields, *proposal.relationships]
        self._fields.update(names)
        if len(self._first) < SHOWN and not left:
            self._first.append(f"record {change.position}: {', '.join(names)} ({proposal.why})")
        if self.file:
            line: dict[str, Any] = {"key": change.key, "key_type": change.key_type}
            line |= {"fields": names, "why": ABSENT if left else proposal.why.value}
            line |= {} if left else {"position": change.position}
            if place := self.place_of(change.position):
                line["place"] = place
            if self.values:
                line |= {"values": {**change.fields, **change.relationships}}
            self.file.add(line)

    def problem(self, received: int, leavers: int) -> str:
        """Say why nothing may be sent; nothing where it may.

        ``leavers``: to how many something would be sent, in all shares of the source.
        """
        if self.approved is not None and self.approved != self.plan_id:
            before = self.approved.partition("-")[0]
            return (
                f"what would be sent is no longer what was approved: {before} changes were, and now it is "
                f"{self.changes}{' others' if before == str(self.changes) else ''}; plan and approve again"
            )
        if self.most is not None:
            changes = self.changes + self.left
            if self.whole:
                changes, received = (number + leavers for number in self.whole)
            allowed = self.most.of(received)
            if changes > allowed and self.first:
                return (
                    f"{changes} of {received} records would be sent: the ledger knows nothing of this "
                    f"target so far, and max_changes allows {self.most}. Nothing was sent. If the vendor has "
                    'them already, fill the ledger by action="baseline"; else run once without max_changes'
                )
            if changes > allowed:
                return (
                    f"{changes} of {received} records would change, and max_changes allows {self.most}: "
                    "nothing was sent; look at the source, or raise max_changes"
                )
        return ""

    def close(self) -> None:
        """Finish the plan's file."""
        if self.file:
            self.file.close()

    def summary(self, report: Report) -> str:
        """Return the plan as Markdown, without a value or a key."""
        lines = [
            f"**{self.changes} of {report.received} records** would be sent.",
            *([f"{self.left} more are left for later runs, by `limit`."] if self.left else []),
            "",
            "| records | |",
            "| --- | ---: |",
        ]
        lines += [f"| {why} | {number} |" for why, number in self._why.most_common()]
        if report.absent and not self._why[ABSENT]:
            lines.append(f"| {ABSENT}: nothing would be sent | {report.absent} |")
        others = {verdict: getattr(report, verdict) for verdict in Verdict if verdict is not Verdict.PLANNED}
        lines += [f"| {verdict} | {number} |" for verdict, number in others.items() if number]
        if self._unknown:
            lines += [
                "",
                f"Of {self._unknown} records, the vendor's profile is not known yet: each is looked up when "
                "it is sent, and rejected where none matches, or several do. For this plan, none was.",
            ]
        if self._fields:
            lines += ["", "| field | changes |", "| --- | ---: |"]
            lines += [f"| {self._named(name)} | {number} |" for name, number in self._fields.most_common(20)]
        if self._first:
            lines += ["", *(f"* {text}" for text in self._first)]
        return "\n".join(lines)

    def _named(self, name: str) -> str:
        """Name a field, and what it is made of, as a cell of a table."""
        made = self.made().get(name)
        return f"`{name}`" if made is None else f"`{name}`: `{made}`".replace("|", r"\|")
