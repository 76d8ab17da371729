"""The rules by which a change is sent or not, with nothing around them."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_profile_provider.ledger.diff import Candidate, LedgerOptions, judge
from airflow_profile_provider.ledger.entry import Entry
from airflow_profile_provider.ledger.quarantine import QUARANTINE
from airflow_profile_provider.records import Change, Reason, Verdict

NOW = 1_000_000.0
HELD: dict[str, Any] = {"row": b"r", "fields": {"a": "1", "b": "2"}}


def found(version: int | None = None, **fields: str) -> Candidate:
    change = Change("k", dict(fields), "id", 1, version)
    return Candidate("k", version, change, b"r", fields, "whole")


@pytest.mark.parametrize(
    ("entry", "policy", "second", "why", "names"),
    [
        ({}, {}, False, Reason.NEW, ("a", "b")),
        (HELD, {}, False, Reason.CHANGED, ("b",)),
        ({**HELD, "doubt": 1}, {}, False, Reason.IN_DOUBT, ("a", "b")),
        (HELD, {}, True, Reason.IN_DOUBT, ("a", "b")),
        (HELD, {"ignore": True}, False, Reason.IGNORED, ("a", "b")),
    ],
)
def test_what_differs_or_is_not_known_for_sure_is_sent(
    entry: dict[str, Any], policy: dict[str, Any], second: bool, why: Reason, names: tuple[str, ...]
) -> None:
    judged = judge(found(a="1", b="3"), Entry("k", **entry), LedgerOptions(**policy), NOW, second=second)
    assert judged.verdict is Verdict.PLANNED
    assert judged.proposal is not None
    assert (judged.proposal.why, judged.proposal.fields) == (why, names)


def test_what_is_held_is_not_sent() -> None:
    assert judge(found(a="1", b="2"), Entry("k", **HELD), LedgerOptions(), NOW).verdict is Verdict.UNCHANGED


def test_an_older_version_is_not_sent_and_one_of_another_kind_is_invalid() -> None:
    entry = Entry("k", order=5, **HELD)
    assert judge(found(4, a="9"), entry, LedgerOptions(), NOW, kind="integer").verdict is Verdict.SUPERSEDED
    assert judge(found(6, a="9"), entry, LedgerOptions(), NOW, kind="instant").verdict is Verdict.INVALID


@pytest.mark.parametrize(
    ("refusals", "ago", "refused", "verdict"),
    [
        (QUARANTINE.runs, 0, "whole", Verdict.QUARANTINED),
        (QUARANTINE.runs - 1, 0, "whole", Verdict.PLANNED),
        (QUARANTINE.runs, QUARANTINE.seconds, "whole", Verdict.PLANNED),
        (QUARANTINE.runs, 0, "another", Verdict.PLANNED),
    ],
)
def test_a_change_that_was_refused_too_often_waits(
    refusals: int, ago: float, refused: str, verdict: Verdict
) -> None:
    entry = Entry("k", refused=refused, refusals=refusals, refused_at=NOW - ago)
    assert judge(found(a="1"), entry, LedgerOptions(), NOW).verdict is verdict
    assert QUARANTINE.is_active(entry, NOW) is (refusals == QUARANTINE.runs and not ago)
