"""Which messages an outcome asks for, after what was said before; nothing here sends, or knows Airflow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any, Self

from airflow_profile_provider.notifications.conditions import MOST_RUNS, Condition, Outcome
from airflow_profile_provider.reports import Report


@dataclass(slots=True)
class Memory:
    """What is remembered of a task between its runs: what holds, since which run, and what was usual."""

    holds: dict[str, str] = field(default_factory=dict)
    received: list[int] = field(default_factory=list)
    acknowledged_at: float | None = None
    seen: str = ""
    """The run and try that was counted last: several notifiers of one task look at the same outcome."""

    @classmethod
    def of(cls, stored: Any) -> Self:
        """Read what `as_dict` wrote; whatever else there is counts as nothing."""
        if not isinstance(stored, Mapping):
            return cls()
        holds, received = stored.get("holds"), stored.get("received")
        at, seen = stored.get("acknowledged_at"), stored.get("seen")
        return cls(
            {str(name): str(run) for name, run in holds.items()} if isinstance(holds, Mapping) else {},
            [each for each in received if isinstance(each, int)] if isinstance(received, list) else [],
            float(at) if isinstance(at, int | float) else None,
            seen if isinstance(seen, str) else "",
        )

    def as_dict(self) -> dict[str, Any]:
        """Return it as it is stored."""
        return {
            "holds": self.holds,
            "received": self.received,
            "acknowledged_at": self.acknowledged_at,
            "seen": self.seen,
        }

    def before(self, run: str) -> Sequence[int]:
        """Return how many records the runs before this one received."""
        return self.received[:-1] if self.seen == run else self.received

    def count(self, run: str, outcome: Outcome) -> None:
        """Remember an outcome, once."""
        report = outcome.report
        if self.acknowledged_at is None or (report is not None and report.acknowledged):
            self.acknowledged_at = outcome.now
        if report is not None and report.complete and self.seen != run:
            self.received = [*self.received, report.received][-MOST_RUNS - 1 :]
            self.seen = run


@dataclass(frozen=True, slots=True)
class Place:
    """Which task instance an alert is about, and where its log is, if that is known."""

    dag: str
    run: str
    task: str
    map_index: int = -1
    url: str = ""

    @property
    def name(self) -> str:
        """The task's name, as people say it."""
        mapped = f"[{self.map_index}]" if self.map_index >= 0 else ""
        return f"{self.dag}.{self.task}{mapped}"


@dataclass(frozen=True, slots=True)
class Alert:
    """One message: that a condition begins to hold, or that it is over. No value is in it.

    ``figures`` are the condition's, ``cause`` is what the task failed by, ``since`` the run in which a
    condition that is over began.
    """

    place: Place
    condition: str
    begins: bool
    figures: str
    report: Report | None
    cause: str = ""
    since: str = ""

    @property
    def subject(self) -> str:
        """The message in a line."""
        return f"{self.place.name}: {'' if self.begins else 'over: '}{self.condition}"

    @property
    def text(self) -> str:
        """The message as plain text."""
        return "\n".join(self._lines())

    @property
    def html(self) -> str:
        """The message as HTML, for mails; nothing in it is taken for a tag."""
        return "<br>\n".join(escape(line) for line in self._lines())

    @property
    def slack(self) -> str:
        """The message as Slack and its like take it: nothing in it is taken for a link or a mention."""
        return escape(self.text, quote=False)

    def _lines(self) -> list[str]:
        figures = f" ({self.figures})" if self.figures else ""
        report, url = self.report, self.place.url
        lines = [f"{self.subject}{figures}", f"Run: {self.place.run}"]
        lines += [f"It began in run: {self.since}"] if self.since else []
        lines += [f"Cause: {self.cause}"] if self.cause else []
        if report is not None:
            lines.append(f"Report: {report}")
            lines += [f"Most often: {report.top_reason}"] if report.top_reason else []
            lines += [f"Rejects: {report.rejects}"] if report.rejects else []
        return lines + ([f"Log: {url}"] if url else [])


def alerts(
    conditions: Sequence[Condition],
    memory: Memory,
    outcome: Outcome,
    place: Place,
    *,
    who: str,
    cause: str = "",
) -> list[tuple[Alert, str]]:
    """Return the messages that an outcome asks for, each with the name by which it is remembered.

    ``who`` is told: what was said to somebody else was not said to them.
    """
    found = []
    for condition in conditions:
        name = f"{condition.words} -> {who}"
        holds, figures = condition.judge(outcome)
        since = memory.holds.get(name, "")
        if holds is None or holds is bool(since):
            continue
        said = cause if holds and outcome.red else ""
        alert = Alert(place, condition.words, holds, figures, outcome.report, said, "" if holds else since)
        found.append((alert, name))
    return found
