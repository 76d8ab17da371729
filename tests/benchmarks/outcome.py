"""What a part of the benchmark found: rows of a table, ratios to reach, notes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median


@dataclass(frozen=True)
class Row:
    """One contender's figures; ``cpu`` in seconds a record, ``peak`` and ``loaded`` in MB.

    ``a_request``: records in a request, as the vendor counted them; ``requests`` and ``seconds``: of a round.
    None: not measured.
    """

    name: str
    per_second: float | None = None
    cpu: float | None = None
    peak: float | None = None
    loaded: float | None = None
    settings: str = ""
    a_request: float | None = None
    requests: float | None = None
    seconds: float | None = None


@dataclass(frozen=True)
class Target:
    """A figure to reach: at least or at most a bound. ``figures``: one a round; the median counts.

    Without figures it was not measured; ``skipped`` says why.
    """

    what: str
    bound: float
    figures: Sequence[float] = ()
    at_least: bool = True
    unit: str = " ×"
    also: bool = True
    also_said: str = ""
    skipped: str = ""

    @property
    def figure(self) -> float:
        """The figure that counts."""
        return median(self.figures)

    @property
    def reached(self) -> bool:
        """Whether the bound is kept, and what else must be so is."""
        kept = self.figure >= self.bound if self.at_least else self.figure <= self.bound
        return kept and self.also


@dataclass(frozen=True)
class Outcome:
    """What a part found; ``failed`` says why it found nothing, where it broke off."""

    title: str
    rows: Sequence[Row] = ()
    targets: Sequence[Target] = ()
    notes: Sequence[str] = field(default_factory=tuple)
    failed: str = ""
