"""The report tells why changes were not delivered, how often the vendor refused, and how much quota went."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from resuming import FileCheckpoints, QuickHook
from standins import Fault, Ocamba

from airflow_profile_provider.delivery.rates import share_used
from airflow_profile_provider.delivery.retries import RetryRule
from airflow_profile_provider.errors import PushStopped
from airflow_profile_provider.reports import ReasonCount, Report
from airflow_profile_provider.vendors.exchange import Rate

from .rig import Rig, lines

SECRET = "MarkerQuartz"
NOBODY = "Ocamba Hood answered 400 (Unknown profile id, trace_id …)"


def nobody(rig: Rig, number: int) -> dict[str, Any]:
    """A change of one of many whom the vendor does not know."""
    return {"key": rig.sample.nobody[:-2] + f"{number:02d}", "fields": {rig.sample.text: SECRET}}


# -- reasons ------------------------------------------------------------------------------------------------


def test_the_report_counts_reasons_most_frequent_first(rig: Rig) -> None:
    rig.hold(1)
    bad = rig.change(1) | {"fields": rig.sample.invalid}
    report = rig.run([rig.change(1), bad, *(nobody(rig, n) for n in range(3))]).report
    assert [(one["verdict"], one["count"]) for one in report["reasons"]] == [("rejected", 3), ("invalid", 1)]
    assert all(one["reason"] for one in report["reasons"])


def test_reasons_hold_neither_values_nor_the_vendors_free_text(ocamba: Rig) -> None:
    message = f"{SECRET} is no good, dear {SECRET}"
    ocamba.stand_in.faults = [Fault(422, {"message": message}, key=ocamba.sample.key(1))]
    report = ocamba.run([ocamba.rename(1, SECRET), ocamba.change(2)]).report
    assert report["reasons"] == [{"verdict": "rejected", "reason": "Ocamba Hood answered 422", "count": 1}]


def test_there_are_no_reasons_where_all_was_delivered(ocamba: Rig) -> None:
    assert ocamba.run(ocamba.changes(1, 2)).report["reasons"] == []


def test_each_change_behind_one_that_failed_counts(ocamba: Rig) -> None:
    ocamba.hurry(attempts=1)
    ocamba.stand_in.faults = [Fault(503, key=ocamba.sample.key(1), times=None)]
    changes = [ocamba.rename(1, "One"), ocamba.rename(1, "Two"), ocamba.change(2)]
    report = ocamba.run(changes, concurrency=1).report
    assert report["failed"] == sum(one["count"] for one in report["reasons"]) == 2


def test_what_a_later_change_took_the_place_of_has_no_reason(ocamba: Rig) -> None:
    ocamba.stand_in.faults = [Fault(400, key=ocamba.sample.key(1))]
    changes = [ocamba.rename(1, "One"), *ocamba.changes(2), ocamba.rename(1, "Two")]
    report = ocamba.run(iter(changes), concurrency=1, batch_size=1).report
    told = sum(one["count"] for one in report["reasons"])
    assert told == report["rejected"] + report["failed"]


def test_the_ten_most_frequent_reach_the_report() -> None:
    many = tuple(ReasonCount("rejected", f"answered {number}", 100 - number) for number in range(30))
    told = Report(reasons=many).as_dict()["reasons"]
    assert told == [{"verdict": "rejected", "reason": f"answered {n}", "count": 100 - n} for n in range(10)]


def test_the_reasons_of_two_parts_add_up() -> None:
    first = Report(reasons=(ReasonCount("rejected", "a", 3), ReasonCount("invalid", "b", 2)))
    second = Report(reasons=(ReasonCount("invalid", "b", 2), ReasonCount("failed", "c", 1)))
    assert first.plus(second).reasons == (
        ReasonCount("invalid", "b", 4),
        ReasonCount("rejected", "a", 3),
        ReasonCount("failed", "c", 1),
    )


def test_a_stored_report_is_read_again_and_one_of_another_version_too() -> None:
    report = Report(received=1, rejected=1, reasons=(ReasonCount("rejected", "a", 1),), quota_share=0.5)
    assert Report.of(json.loads(json.dumps(report.as_dict()))) == report
    assert Report.of({"received": 2, "pushed": 2, "of_tomorrow": 1}) == Report(received=2, pushed=2)


@pytest.fixture
def cut_off(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Ocamba]:
    """A vendor, and a file of 40 records: one invalid, two of strangers, on both sides of the cut."""
    with Ocamba({str(n): {"comment": ""} for n in range(40)}) as stand_in:
        connection = {"conn_type": "ocamba", "host": stand_in.url, "password": stand_in.secret}
        connection["extra"] = {"quota": "none", "concurrency": 1}  # type: ignore[assignment]
        monkeypatch.setenv("AIRFLOW_CONN_OCAMBA_DEFAULT", json.dumps(connection))
        monkeypatch.setattr(QuickHook, "retry_rule", RetryRule(attempts=2, first_wait=0.001))
        changes = [{"key": str(n), "fields": {"comment": f"is {n}"}} for n in range(40)]
        changes[3]["fields"] = {}
        changes[5]["key"] = changes[35]["key"] = "nobody"
        (tmp_path / "records.jsonl").write_text("".join(json.dumps(change) + "\n" for change in changes))
        yield stand_in


def test_reasons_and_refusals_add_up_over_the_tries_of_a_push(cut_off: Ocamba, tmp_path: Path) -> None:
    def push() -> Report:
        checkpoints = FileCheckpoints(tmp_path / "checkpoint.json")
        return QuickHook().push(tmp_path / "records.jsonl", checkpoints=checkpoints)

    cut_off.faults = [
        Fault(429, key="7", headers={"Retry-After": "0"}),
        Fault(401, key="20", times=None),
    ]
    with pytest.raises(PushStopped):
        push()
    cut_off.faults = [Fault(429, key="30", headers={"Retry-After": "0"})]
    report = push()
    assert report.throttled == 2
    assert {(one.verdict, one.count) for one in report.reasons} == {("rejected", 2), ("invalid", 1)}


# -- the line of a task -------------------------------------------------------------------------------------


def test_a_red_line_ends_with_the_top_reason_and_the_rejects(ocamba: Rig, tmp_path: Path) -> None:
    rejects = tmp_path / "rejects.jsonl"
    changes = [ocamba.change(1), *(nobody(ocamba, n) for n in range(3))]
    error = ocamba.run(changes, rejects_path=str(rejects)).error
    (written,) = tmp_path.iterdir()
    assert str(error).endswith(f"; most often: 3 rejected: {NOBODY}; rejects: {written}")
    assert len(lines(written)) == 3


def test_a_green_line_names_the_rejects_and_why_most_are_there(
    ocamba: Rig, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    outcome = ocamba.run([ocamba.change(1), nobody(ocamba, 1)], rejects_path=f"{tmp_path}/", max_failed=1)
    (written,) = tmp_path.iterdir()
    assert outcome.green
    log = capsys.readouterr().out
    assert f"rejects file: {written}" in log
    assert f"most often: 1 rejected: {NOBODY}" in log


# -- cost ---------------------------------------------------------------------------------------------------


def test_answers_429_are_counted(rig: Rig) -> None:
    rig.hurry()
    rig.hold(*range(3))
    rig.stand_in.faults = [Fault(429, headers={"Retry-After": "0"}, times=2)]
    report = rig.run(rig.changes(*range(3)), concurrency=1).report
    assert (report["pushed"], report["throttled"]) == (3, 2)


def test_the_share_of_the_quota_is_told_where_there_is_one(ocamba: Rig) -> None:
    assert ocamba.run(ocamba.changes(1, 2), quota="none").report["quota_share"] is None
    report = ocamba.run(ocamba.changes(1, 2), quota="20/3600s").report
    assert report["quota_share"] == report["requests"] / 20


@pytest.mark.parametrize(
    ("requests", "seconds", "share"),
    [
        (5, 0.5, 0.5),  # a window that is not over counts whole
        (100, 10.0, 1.0),
        (75, 60.0, 0.5),  # of the minute's 150, fewer than sixty times ten
        (20, 1.1, 1.0),  # two windows' worth, just inside of two
        (0, 3.0, 0.0),
    ],
)
def test_the_share_is_of_what_the_tightest_rate_allows_in_that_time(
    requests: int, seconds: float, share: float
) -> None:
    assert share_used((Rate(10, 1.0), Rate(150, 60.0)), requests, seconds) == share


def test_the_share_of_two_parts_is_their_mean_over_time() -> None:
    first, second = Report(seconds=3.0, quota_share=1.0), Report(seconds=1.0, quota_share=0.2)
    assert first.plus(second).quota_share == 0.8
    assert first.plus(Report(seconds=5.0)).quota_share == 1.0
