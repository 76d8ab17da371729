"""How far a push has come, so that a later try goes on there."""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from airflow_profile_provider.checkpoint import Checkpoint, has_bit, packed_bits, unpacked_bits
from airflow_profile_provider.push.account import Reasons, counted_reason, is_explained
from airflow_profile_provider.push.findings import Findings
from airflow_profile_provider.records import Verdict, is_leaver

MOST_AHEAD = 2000


@dataclass(frozen=True, slots=True)
class Resume:
    """How a push is resumed: where it starts, and whom it tells how far it has come.

    ``fingerprint`` names source and options; ``save`` gets a checkpoint and the progress in words.
    """

    fingerprint: str
    save: Callable[[Checkpoint, str], None]
    start: Checkpoint | None = None


class Checkpoints(Protocol):
    """Where checkpoints are kept between the tries of a push."""

    retried: bool
    """Whether an earlier try may have sent something."""

    def load(self) -> Checkpoint | None:
        """Return the last one, if there is one."""

    def save(self, checkpoint: Checkpoint, words: str) -> None:
        """Keep a checkpoint, and show the progress in words."""


class Watermark:
    """Which records are settled for good.

    ``mark`` is the low-water mark: all records at earlier positions are. After a record that is not (failed,
    unsent), nothing behind it counts any more: a later change of its key must be sent again after it.
    """

    cursor: str | None = None
    """Of an audit: how far it has read the vendor's list."""

    def __init__(self, start: Checkpoint | None = None) -> None:
        self.mark = start.mark if start else 0
        self._skipped = frozenset(start.ahead) if start else frozenset()
        self._counts: Counter[Verdict] = Counter()
        self._open: deque[int] = deque()
        self._settled: dict[int, Verdict] = {}
        self._why: dict[int, str] = {}
        self._past: Reasons = Counter()
        self._absent = 0
        self.absent = 0
        """How many leavers are among those that `advance` counted last."""
        self.reasons: Reasons = Counter()
        """Why, for those verdicts that `advance` counted last."""
        self._limit = math.inf

    @property
    def settled_bits(self) -> str:
        """Of an audit: a bit for each record that is settled."""
        return ""

    @property
    def found(self) -> str:
        """Of an audit: what it found, in sum."""
        return ""

    def passed(self, position: int) -> bool:
        """Whether an earlier try has settled the record."""
        return position < self.mark or position in self._skipped

    def received(self, position: int) -> None:
        """Note that a record was read; positions ascend."""
        if position < self._limit:
            self._open.append(position)

    def settled(self, position: int, verdict: Verdict, reason: str = "") -> None:
        """Note a verdict, and why, where the report tells that."""
        if not verdict.final:
            self.left(position)
        elif position < self._limit:
            self._settled[position] = verdict
            if is_explained(verdict):
                self._why[position] = counted_reason(reason)

    def left(self, position: int) -> None:
        """Note that a record is to be looked at again: nothing behind it counts any more."""
        self._limit = min(self._limit, position)

    def advance(self) -> tuple[int, Counter[Verdict], tuple[int, ...]]:
        """Move the mark; return it, the counts of all that is settled for good, and what of it lies ahead."""
        while self._open and self._open[0] in self._settled:
            position = self._open.popleft()
            verdict = self._settled.pop(position)
            self._counts[verdict] += 1
            self._absent += is_leaver(position)
            if (why := self._why.pop(position, None)) is not None:
                self._past[verdict.value, why] += 1
            self.mark = position + 1
        ahead = sorted(self._settled)[:MOST_AHEAD]
        counts = self._counts + Counter(self._settled[position] for position in ahead)
        told = (
            (self._settled[position].value, self._why[position])
            for position in ahead
            if position in self._why
        )
        self.reasons = self._past + Counter(told)
        self.absent = self._absent + sum(map(is_leaver, ahead))
        earlier = (position for position in self._skipped if position >= self.mark)
        return self.mark, counts, tuple(sorted({*ahead, *earlier}))

    def received_many(self, positions: Sequence[int]) -> list[int]:
        """Note that records were read; return which of them, counted from 0, are not settled yet."""
        fresh = [index for index, position in enumerate(positions) if not self.passed(position)]
        for index in fresh:
            self.received(positions[index])
        return fresh

    def settled_many(self, positions: Iterable[int], verdict: Verdict) -> None:
        """Note a verdict of several records."""
        for position in positions:
            self.settled(position, verdict)


class Marks(Watermark):
    """Which records an audit has settled, in whatever order: a bit for each, an eighth of a byte.

    ``findings`` goes on with what an earlier try found.
    """

    def __init__(self, start: Checkpoint | None, findings: Findings) -> None:
        super().__init__()
        self._findings = findings
        if start:
            findings.go_on_from(start.found)
        self._bits = bytearray(unpacked_bits(start.settled)) if start else bytearray()
        self._before = bytes(self._bits)
        self.cursor = start.cursor if start else None

    @property
    def settled_bits(self) -> str:
        """The bits as text."""
        return packed_bits(self._bits)

    @property
    def found(self) -> str:
        """What was found so far."""
        return self._findings.kept

    def passed(self, position: int) -> bool:
        """Whether an earlier try has settled the record."""
        return has_bit(self._before, position)

    def received(self, position: int) -> None:
        """Note nothing: only what is settled counts."""

    def settled(self, position: int, verdict: Verdict, reason: str = "") -> None:
        """Note a verdict, if it is the last word."""
        if not verdict.final:
            return
        if is_explained(verdict):
            self.reasons[verdict.value, counted_reason(reason)] += 1
        byte = position >> 3
        if byte >= len(self._bits):
            self._bits.extend(bytes(byte + 1 - len(self._bits) + (len(self._bits) >> 3)))
        self._bits[byte] |= 1 << (position & 7)
        self._counts[verdict] += 1

    def advance(self) -> tuple[int, Counter[Verdict], tuple[int, ...]]:
        """Return no mark: the bits say it all; and the counts of what is settled for good."""
        return 0, self._counts.copy(), ()


class NoWatermark(Watermark):
    """What is settled is not noted: nobody will go on from here."""

    def received(self, position: int) -> None:
        """Note nothing."""

    def settled(self, position: int, verdict: Verdict, reason: str = "") -> None:
        """Note nothing."""

    def left(self, position: int) -> None:
        """Note nothing."""

    def received_many(self, positions: Sequence[int]) -> list[int]:
        """Note nothing; nothing was settled before."""
        return list(range(len(positions)))

    def settled_many(self, positions: Iterable[int], verdict: Verdict) -> None:
        """Note nothing."""
