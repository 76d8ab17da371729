"""429 with every form of Retry-After: obeyed where it names a time, up to the cap; else the wait is ours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import pairwise
from pathlib import Path

import pytest
from guarantees.bench import Bench
from guarantees.fixtures import QUICK

from .scene import play

CAP = 0.2
NAMED = {
    "seconds": "1",
    "a decimal": "0.1",
    "seconds with blanks": " 1 ",
    "a date": format_datetime(datetime.now(UTC) + timedelta(hours=9), usegmt=True),
    "absurd": str(10**9),
    "absurd and decimal": "1000000000.5",
}
"""Forms that name a time, all but one of them beyond the cap."""
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


def waits(bench: Bench, tmp_path: Path, forms: Mapping[str, str | None]) -> dict[str, float]:
    """Push one change for each form past a 429 of that form, and return the seconds until the next request.

    Nothing is left of the refusals but the repeats: every profile gets its value.
    """
    for key, value in zip(bench.all_keys(), forms.values(), strict=False):
        headers = {} if value is None else {"Retry-After": value}
        bench.fault_of_writes(key, "status", status=429, headers=headers, times=1)
    scene = play(bench, tmp_path, len(forms))
    assert scene.outcome.counts() == {"pushed": len(forms)}
    assert scene.outcome.report.retries == len(forms)
    assert len(scene.new) == len(forms)
    log = bench.log()
    waited = [
        float(after["at"]) - float(entry["at"]) for entry, after in pairwise(log) if entry["status"] == 429
    ]
    return dict(zip(forms, waited, strict=True))


def test_a_retry_after_that_names_a_time_is_obeyed_up_to_the_cap(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Everything waits for as long as the vendor says, but for no longer than the rule's cap."""
    monkeypatch.setattr(bench.hook_class, "retry_rule", replace(QUICK, retry_after_cap=CAP))
    waited = waits(bench, tmp_path, NAMED)
    least = dict.fromkeys(NAMED, CAP - 0.02) | {"a decimal": 0.1 - 0.02}
    assert [form for form in NAMED if not least[form] <= waited[form] < CAP + 2] == []


def test_a_retry_after_that_names_no_time_is_a_short_wait(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The push goes on after its own short wait, however long it would be willing to obey."""
    monkeypatch.setattr(bench.hook_class, "retry_rule", replace(QUICK, retry_after_cap=3600))
    waited = waits(bench, tmp_path, UNNAMED)
    assert [form for form in UNNAMED if waited[form] > 2] == []


def test_a_429_that_never_ends_fails_its_record_alone(bench: Bench, tmp_path: Path) -> None:
    """One record is refused for its rate for ever: it is failed, tried as often as the rule says."""
    bench.fault_of_writes(bench.all_keys()[2], "status", status=429)
    scene = play(bench, tmp_path)
    assert scene.outcome.counts() == {"pushed": 5, "failed": 1}
    assert scene.outcome.report.retries == bench.hook_class.retry_rule.attempts - 1
    assert scene.outcome.verdicts == {3: "failed"}
    assert scene.new == [1, 2, 4, 5, 6]
