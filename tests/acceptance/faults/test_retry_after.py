"""429 with every form of Retry-After: obeyed where it names a time, up to the cap; else the wait is ours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import pairwise
from pathlib import Path

import pytest
from guarantees.fixtures import QUICK
from guarantees.rig import Rig

from airflow_profile_provider.errors import Blocked

from .scene import play

CAP = 1.5
NAMED = {
    "seconds": "1",
    "a decimal": "0.5",
    "seconds with blanks": " 1 ",
    "absurd": str(10**9),
    "absurd and decimal": "1000000000.5",
}
"""Forms that name a time that is waited out: below the cap, or so long that nobody can mean it."""
LONG = {
    "seconds": "3600",
    "a date": format_datetime(datetime.now(UTC) + timedelta(hours=9), usegmt=True),
}
"""Forms that name a time above the cap."""
UNNAMED = {
    "zero": "0",
    "a past date": "Mon, 01 Jan 1990 00:00:00 GMT",
    "negative": "-1",
    "more negative": "-86400",
    "empty": "",
    "junk": "soon",
    "no number": "nan",
    "endless": "inf",
    "an exponent": "1e9999",
    "no date": "Mon, 99 Foo 2026 99:99:99 GMT",
    "missing": None,
}
"""Forms that name no time, or one that is over."""


def waits(rig: Rig, tmp_path: Path, forms: Mapping[str, str | None]) -> dict[str, float]:
    """Push one change for each form past a 429 of that form, and return the seconds until the next request.

    Nothing is left of the refusals but the repeats: every profile gets its value.
    """
    for key, value in zip(rig.all_keys(), forms.values(), strict=False):
        headers = {} if value is None else {"Retry-After": value}
        rig.fault_of_writes(key, "status", status=429, headers=headers, times=1)
    scene = play(rig, tmp_path, len(forms))
    assert scene.outcome.counts() == {"pushed": len(forms)}
    assert scene.outcome.report.retries == len(forms)
    assert len(scene.new) == len(forms)
    log = rig.log()
    waited = [
        float(after["at"]) - float(entry["at"]) for entry, after in pairwise(log) if entry["status"] == 429
    ]
    return dict(zip(forms, waited, strict=True))


@pytest.mark.long
def test_a_retry_after_that_names_a_time_is_obeyed(
    rig: Rig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Everything waits for as long as the vendor says; what nobody can mean is a wait of the cap."""
    monkeypatch.setattr(rig.hook_class, "retry_rule", replace(QUICK, retry_after_cap=CAP))
    waited = waits(rig, tmp_path, NAMED)
    least = dict.fromkeys(NAMED, CAP - 0.02) | {"a decimal": 0.5, "seconds": 1, "seconds with blanks": 1}
    assert [form for form in NAMED if not least[form] - 0.02 <= waited[form] < least[form] + 2] == []


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("form", LONG)
def test_a_retry_after_above_the_cap_ends_the_push(rig: Rig, tmp_path: Path, form: str, status: int) -> None:
    """Case 13i: nothing more is sent, however many records there are; the task's retry is told when."""
    rig.fault_of_writes(rig.all_keys()[2], "status", status=status, headers={"Retry-After": LONG[form]})
    scene = play(rig, tmp_path)
    stopped = scene.outcome.stopped
    assert isinstance(stopped, Blocked)
    assert 3500 < (stopped.after or 0) <= 9 * 3600
    counts = scene.outcome.counts()
    assert (counts["failed"], counts["pushed"] + counts["unsent"]) == (1, 5)
    assert sum(entry["status"] == status for entry in rig.log()) == 1


def test_a_retry_after_that_names_no_time_is_a_short_wait(
    rig: Rig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The push goes on after its own short wait, however long it would be willing to obey."""
    monkeypatch.setattr(rig.hook_class, "retry_rule", replace(QUICK, retry_after_cap=3600))
    waited = waits(rig, tmp_path, UNNAMED)
    assert [form for form in UNNAMED if waited[form] > 2] == []


def test_a_429_that_never_ends_fails_its_record_alone(rig: Rig, tmp_path: Path) -> None:
    """One record is refused for its rate for ever: it is failed, tried as often as the rule says."""
    rig.fault_of_writes(rig.all_keys()[2], "status", status=429)
    scene = play(rig, tmp_path)
    assert scene.outcome.counts() == {"pushed": 5, "failed": 1}
    assert scene.outcome.report.retries == rig.hook_class.retry_rule.attempts - 1
    assert scene.outcome.verdicts == {3: "failed"}
    assert scene.new == [1, 2, 4, 5, 6]
