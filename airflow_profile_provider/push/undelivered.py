"""Remembers what was not delivered: replayed, it must not undo what a later change of its key brought."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from airflow_profile_provider.mapping.window import PendingChange, is_older
from airflow_profile_provider.records import Change, Verdict

REMEMBERED = 10_000
"""Changes that were not delivered and that a later one of their key may yet overtake: memory has a bound."""


@dataclass(slots=True)
class Line:
    """A change that was not delivered, as the rejects hold it.

    Of an invalid row it has no values; ``by_column`` says that the rejects hold it by the source's columns.
    """

    change: Change
    verdict: Verdict
    by_column: bool = False
    reason: str = ""
    brought: set[str] = field(default_factory=set)
    """Those of its fields that later changes of its key have brought to the vendor."""

    @property
    def is_over(self) -> bool:
        """Whether nothing of it is owed any more."""
        return self.brought.issuperset(self.change.fields)

    def _is_before(self, later: Change) -> bool:
        """Whether it is older: by its version, else by its place in the source."""
        if is_older(later, self.change):
            return False
        return self.change.position < later.position or is_older(self.change, later)

    def overtake(self, later: PendingChange) -> bool:
        """Learn what the vendor acknowledged; return whether it took the place of anything here."""
        own_fault = self.verdict in {Verdict.REJECTED, Verdict.INVALID}
        if own_fault and self.change.key != later.change.key:
            return False  # another spelling may be another profile: this one's fault is no less true
        before = len(self.brought)
        for part in later.parts:
            if self._is_before(part):
                self.brought.update(part.fields.keys() & self.change.fields.keys())
        return len(self.brought) > before


class Undelivered:
    """What was not delivered so far, by profile."""

    def __init__(self) -> None:
        self._lines: dict[tuple[str, str], list[Line]] = {}
        self._number = 0

    def __contains__(self, identity: tuple[str, str]) -> bool:
        """Whether a change of this profile was not delivered."""
        return identity in self._lines

    def __bool__(self) -> bool:
        """Whether there is any."""
        return bool(self._lines)

    def add(self, line: Line) -> None:
        """Remember one; the oldest are forgotten where there are too many."""
        self._lines.setdefault(line.change.identity, []).append(line)
        self._number += 1
        while self._number > REMEMBERED:
            self._number -= len(self._lines.pop(next(iter(self._lines))))

    def overtaken(self, later: PendingChange) -> Iterator[Line]:
        """Yield those whose place an acknowledged change took, in all or in some fields."""
        lines = self._lines.get(later.identity)
        if lines is None:
            return
        yield from [line for line in lines if line.overtake(later)]
        left = [line for line in lines if not line.is_over]
        self._number -= len(lines) - len(left)
        if left:
            self._lines[later.identity] = left
        else:
            del self._lines[later.identity]
