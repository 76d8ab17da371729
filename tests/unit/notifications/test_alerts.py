"""Which messages an outcome asks for, after those before it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from airflow_profile_provider.errors import ConfigurationError
from airflow_profile_provider.notifications import (
    drifted_above,
    nothing_acknowledged_for,
    received_changed_by,
    rejected_above,
    task_red,
)
from airflow_profile_provider.notifications.alerts import Alert, Memory, Place, alerts
from airflow_profile_provider.notifications.conditions import Condition, Outcome
from airflow_profile_provider.reports import ReasonCount, Report

HOUR = 3600.0


class Watched:
    """A task whose runs are looked at one after the other, as the notifier does."""

    def __init__(self, *conditions: Condition, who: str = "somebody") -> None:
        self.conditions = conditions
        self.who = who
        self.memory = Memory()
        self.now = 1_000_000.0
        self.runs = 0

    def run(self, report: Report | None = None, *, red: bool = False, cause: str = "") -> list[Alert]:
        """Look at another run, an hour later, and return what it asks to be said."""
        self.runs += 1
        self.now += HOUR
        run = f"run {self.runs}"
        at = self.memory.acknowledged_at
        outcome = Outcome(red, report, self.memory.before(run), self.now if at is None else at, self.now)
        self.memory.count(run, outcome)
        place = Place("nightly", run, "push")
        found = alerts(self.conditions, self.memory, outcome, place, who=self.who, cause=cause)
        for alert, name in found:
            if alert.begins:
                self.memory.holds[name] = run
            else:
                del self.memory.holds[name]
        self.memory = Memory.of(json.loads(json.dumps(self.memory.as_dict())))
        return [alert for alert, _ in found]

    def said(self, *reports: Report | None, **how: Any) -> list[str]:
        """What each of some runs asks to be said, in a word each."""
        found = []
        for report in reports:
            words = ["begins" if alert.begins else "over" for alert in self.run(report, **how)]
            found.append(" ".join(words))
        return found


def report(received: int = 100, rejected: int = 0, **more: Any) -> Report:
    pushed = more.pop("pushed", received - rejected)
    return Report(received=received, rejected=rejected, pushed=pushed, **more)


def test_one_message_when_it_begins_and_one_when_it_is_over() -> None:
    task = Watched(rejected_above(10))
    few, many = report(rejected=10), report(rejected=11)
    assert task.said(few, many, many, many, few, few, many) == ["", "begins", "", "", "over", "", "begins"]


def test_red_begins_and_green_is_over() -> None:
    task = Watched(task_red())
    assert task.said(report(), red=False) == [""]
    assert task.said(report(), report(), red=True) == ["begins", ""]
    assert task.said(report(), red=False) == ["over"]


def test_a_share_of_rejected_is_of_what_needed_delivery() -> None:
    task = Watched(rejected_above("10%"))
    mostly_unchanged = Report(received=1000, unchanged=990, pushed=8, rejected=2)
    assert task.said(report(rejected=10), mostly_unchanged) == ["", "begins"]


def test_a_task_that_left_no_report_changes_nothing_but_its_colour() -> None:
    task = Watched(rejected_above(1), task_red())
    assert task.said(report(rejected=5)) == ["begins"]
    (red,) = task.run(None, red=True)
    assert red.condition == "the task is red"


def test_received_is_compared_with_the_median_of_the_runs_before() -> None:
    task = Watched(received_changed_by("50%", runs=3))
    assert task.said(*(report(number) for number in (100, 110, 90, 150))) == ["", "", "", ""]
    assert task.said(report(49)) == ["begins"]
    assert task.said(report(100)) == ["over"]


def test_what_lasts_becomes_usual() -> None:
    task = Watched(received_changed_by("50%", runs=3))
    assert task.said(*[report(100)] * 3, *[report(300)] * 4) == ["", "", "", "begins", "", "over", ""]


def test_a_push_that_stopped_says_nothing_of_what_is_usual() -> None:
    task = Watched(received_changed_by("50%", runs=3))
    stopped = report(1, complete=False)
    assert task.said(*[report(100)] * 3, stopped, stopped, report(100)) == [""] * 6
    assert task.memory.received == [100] * 4


def test_silence_begins_after_its_hours_and_ends_with_an_acknowledgement() -> None:
    task = Watched(nothing_acknowledged_for(3))
    quiet = Report(received=5, unchanged=5)
    assert task.said(report(), quiet, quiet, quiet, quiet, quiet) == ["", "", "", "", "begins", ""]
    assert task.said(report()) == ["over"]


def test_a_task_that_never_had_an_acknowledgement_is_watched_from_its_first_run() -> None:
    task = Watched(nothing_acknowledged_for(1.5))
    assert task.said(None, None, None, red=True) == ["", "", "begins"]


def test_two_that_are_told_are_told_each() -> None:
    task = Watched(task_red(), who="one")
    assert task.said(report(), red=True) == ["begins"]
    task.who = "two"
    assert task.said(report(), report(), red=True) == ["begins", ""]


def test_a_message_tells_figures_cause_top_reason_rejects_and_run() -> None:
    task = Watched(rejected_above(1))
    reasons = (ReasonCount("rejected", "Ocamba Hood answered 400", 5),)
    given = report(rejected=5, reasons=reasons, rejects="/r/x.jsonl")
    (alert,) = task.run(given, red=True, cause="5 of 100 changes were not delivered")
    assert alert.subject == "nightly.push: more than 1 records are rejected"
    assert alert.text.splitlines() == [
        "nightly.push: more than 1 records are rejected (5 of 100)",
        "Run: run 1",
        "Cause: 5 of 100 changes were not delivered",
        "Report: 100 received: 95 pushed, 5 rejected",
        "Most often: 5 rejected: Ocamba Hood answered 400",
        "Rejects: /r/x.jsonl",
    ]
    (over,) = task.run(report())
    assert over.text.splitlines()[:3] == [
        "nightly.push: over: more than 1 records are rejected (0 of 100)",
        "Run: run 2",
        "It began in run: run 1",
    ]


def test_nothing_in_a_message_is_taken_for_a_tag_or_a_mention() -> None:
    task = Watched(rejected_above(1))
    reasons = (ReasonCount("rejected", "field <b>&<!channel>", 5),)
    (alert,) = task.run(report(rejected=5, reasons=reasons))
    for form in (alert.html.replace("<br>", ""), alert.slack):
        assert "<" not in form
        assert "field &lt;b&gt;&amp;&lt;!channel&gt;" in form


@pytest.mark.parametrize("stored", [None, [], "x", {"holds": 3, "received": "x", "acknowledged_at": "x"}])
def test_a_memory_that_cannot_be_read_is_an_empty_one(stored: Any) -> None:
    assert Memory.of(stored) == Memory()


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: rejected_above("many"),
        lambda: rejected_above(-1),
        lambda: drifted_above(None),  # type: ignore[arg-type]
        lambda: received_changed_by(50),  # type: ignore[arg-type]
        lambda: received_changed_by("50%", runs=0),
        lambda: received_changed_by("50%", runs=1000),
        lambda: nothing_acknowledged_for(0),
        lambda: nothing_acknowledged_for("soon"),  # type: ignore[arg-type]
    ],
)
def test_conditions_that_mean_nothing_are_refused(wrong: Any) -> None:
    with pytest.raises(ConfigurationError):
        wrong()
