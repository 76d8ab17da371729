"""Verdicts add up, and a task is red or green as they say."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from standins import Fault

from .bench import Bench, counts


def with_refusals(bench: Bench, good: int, refused: int) -> list[dict[str, Any]]:
    """Good changes first, then changes that the vendor refuses."""
    bench.hold(*range(good))
    return [*bench.changes(*range(good)), *(nobody(bench, number) for number in range(refused))]


def nobody(bench: Bench, number: int) -> dict[str, Any]:
    """A change of one of many whom the vendor does not know."""
    return {"key": bench.sample.nobody[:-2] + f"{number:02d}", "fields": {bench.sample.text: "MarkerQuartz"}}


# -- green and red ------------------------------------------------------------------------------------------


def test_everything_pushed_is_green(bench: Bench) -> None:
    outcome = bench.run(with_refusals(bench, good=5, refused=0))
    assert outcome.green
    assert counts(outcome.report) == {"pushed": 5}


def test_one_refusal_is_red_by_default_after_the_rest_was_delivered(bench: Bench) -> None:
    changes = with_refusals(bench, good=4, refused=1)
    outcome = bench.run([changes[0], changes[-1], *changes[1:-1]])
    assert not outcome.green
    assert counts(outcome.report) == {"pushed": 4, "rejected": 1}
    assert [bench.holds(number) for number in range(4)] == [bench.expected(number) for number in range(4)]


@pytest.mark.parametrize(("max_failed", "green"), [(1, False), (2, True), (3, True)])
def test_max_failed_counts_what_may_fail(bench: Bench, max_failed: int, green: bool) -> None:
    changes = [*with_refusals(bench, good=4, refused=1), bench.change(0) | {"fields": bench.sample.invalid}]
    outcome = bench.run(changes, max_failed=max_failed)
    assert counts(outcome.report) == {"pushed": 4, "rejected": 1, "invalid": 1}
    assert outcome.green is green


@pytest.mark.parametrize(("max_failed", "green"), [("19%", False), ("20%", True), ("20.5%", True)])
def test_max_failed_may_be_a_percentage(bench: Bench, max_failed: str, green: bool) -> None:
    outcome = bench.run(with_refusals(bench, good=8, refused=2), max_failed=max_failed)
    assert counts(outcome.report) == {"pushed": 8, "rejected": 2}
    assert outcome.green is green


def test_a_percentage_is_not_of_superseded_changes(bench: Bench) -> None:
    bench.hold(1)
    same = [bench.rename(1, f"Version{number}") for number in range(9)]
    outcome = bench.run([*same, nobody(bench, 1)], max_failed="49%", concurrency=1)
    held = counts(outcome.report)
    assert held["rejected"] == 1
    # Whatever was coalesced, one of what remained failed: at least 1 in 10, at most 1 in 2.
    assert outcome.green is (0.49 * (10 - held.get("superseded", 0)) >= 1)


def test_none_acknowledged_is_red_whatever_the_percentage(bench: Bench) -> None:
    outcome = bench.run(with_refusals(bench, good=0, refused=2), max_failed="100%")
    assert not outcome.green
    assert counts(outcome.report) == {"rejected": 2}


def test_none_acknowledged_is_green_within_a_count(bench: Bench) -> None:
    outcome = bench.run(with_refusals(bench, good=0, refused=2), max_failed=2)
    assert outcome.green
    assert counts(outcome.report) == {"rejected": 2}


@pytest.mark.parametrize("max_failed", ["a few", -1, "-1%", 0.05, True])
def test_a_max_failed_that_means_nothing_is_an_error(bench: Bench, max_failed: Any) -> None:
    with pytest.raises(Exception, match="max_failed"):
        raise_from(bench, max_failed=max_failed)
    assert bench.stand_in.requests == []


def raise_from(bench: Bench, **options: Any) -> None:
    outcome = bench.run(with_refusals(bench, good=1, refused=0), **options)
    if outcome.error is not None:
        raise outcome.error


# -- which red ----------------------------------------------------------------------------------------------


def test_refusals_alone_fail_for_good(bench: Bench) -> None:
    outcome = bench.run(with_refusals(bench, good=2, refused=1))
    assert outcome.for_good


def test_invalid_changes_alone_fail_for_good(bench: Bench) -> None:
    bench.hold(1, 2)
    outcome = bench.run([bench.change(1), {"key": bench.sample.key(2), "fields": bench.sample.invalid}])
    assert counts(outcome.report) == {"pushed": 1, "invalid": 1}
    assert outcome.for_good


def test_unsent_changes_let_airflow_try_again(bench: Bench) -> None:
    changes = with_refusals(bench, good=30, refused=0)
    bench.connect(password="Wr0ng-S3cr3t")
    outcome = bench.run(changes, max_failed=100)
    assert not outcome.green
    assert not outcome.for_good
    assert outcome.report["unsent"] >= 20


def test_a_push_that_stopped_is_red_within_any_max_failed(bench: Bench) -> None:
    changes = with_refusals(bench, good=10, refused=0)
    bench.stand_in.faults = [Fault(302, headers={"Location": "/login"}, on="any", times=None)]
    outcome = bench.run(changes, max_failed="100%")
    assert not outcome.green
    assert outcome.report["complete"] is False


# -- the report ---------------------------------------------------------------------------------------------


def test_the_report_goes_to_xcom_before_the_red(bench: Bench) -> None:
    outcome = bench.run(with_refusals(bench, good=2, refused=1))
    assert not outcome.green
    assert counts(outcome.xcoms["return_value"]) == {"pushed": 2, "rejected": 1}


def test_the_report_goes_to_xcom_when_the_push_stops(bench: Bench) -> None:
    changes = with_refusals(bench, good=10, refused=0)
    bench.connect(password="Wr0ng-S3cr3t")
    outcome = bench.run(changes)
    report = outcome.xcoms["return_value"]
    assert sum(counts(report).values()) == 10
    assert report["complete"] is False


def test_the_report_has_every_member(bench: Bench) -> None:
    report = bench.run(with_refusals(bench, good=2, refused=0)).report
    verdicts = {
        "pushed",
        "created",
        "unchanged",
        "superseded",
        "invalid",
        "rejected",
        "failed",
        "quarantined",
        "unsent",
        "planned",
    }
    costs = {"requests", "retries", "throttled_seconds", "seconds", "complete", "rejects"}
    assert set(report) >= {"received"} | verdicts | costs
    assert report["requests"] == len(bench.stand_in.requests)
    assert report["complete"] is True
    assert report["rejects"] is None


def test_the_hook_returns_the_report_whatever_the_verdicts(bench: Bench) -> None:
    report = bench.push(with_refusals(bench, good=0, refused=3))
    assert counts(report) == {"rejected": 3}


def test_the_hook_raises_with_the_report_when_the_push_stops(bench: Bench) -> None:
    from airflow_profile_provider.errors import PushStopped

    changes = with_refusals(bench, good=10, refused=0)
    bench.connect(password="Wr0ng-S3cr3t")
    with pytest.raises(PushStopped) as stopped:
        bench.push(changes)
    report = stopped.value.report
    assert report is not None
    assert report.received == 10
    assert sum(counts(report).values()) == 10


def test_the_hook_takes_any_iterable(bench: Bench) -> None:
    bench.hold(*range(3))
    report = bench.push(bench.change(number) for number in range(3))
    assert counts(report) == {"pushed": 3}


def test_the_hook_sends_before_it_has_read_everything(bench: Bench) -> None:
    from airflow_profile_provider.errors import PushStopped

    read, read_at_first_write = 0, []

    def source() -> Iterator[dict[str, Any]]:
        nonlocal read
        for number in range(20_000):
            if bench.stand_in.requests and not read_at_first_write:
                read_at_first_write.append(read)
            read += 1
            yield bench.change(number)

    bench.stand_in.faults = [Fault(302, "", {"Location": "/login"}, on="any", times=None)]
    with pytest.raises(PushStopped) as stopped:
        bench.push(source())
    assert read_at_first_write
    assert read_at_first_write[0] < 5_000
    report = stopped.value.report
    assert report is not None
    assert report.received == read
    assert sum(counts(report).values()) == read


# -- one profile --------------------------------------------------------------------------------------------


def test_update_profile_updates_one(bench: Bench) -> None:
    bench.hold(1)
    bench.hook.update_profile(bench.sample.key(1), bench.sample.fields(1), quota="none")
    assert bench.holds(1) == bench.expected(1)


def test_update_profile_raises_for_a_refusal(bench: Bench) -> None:
    from airflow_profile_provider.errors import ProfileError

    with pytest.raises(ProfileError):
        bench.hook.update_profile(bench.sample.nobody, {bench.sample.text: "MarkerQuartz"}, quota="none")


def test_update_profile_raises_for_invalid_fields(bench: Bench) -> None:
    from airflow_profile_provider.errors import ProfileError

    bench.hold(1)
    with pytest.raises(ProfileError):
        bench.hook.update_profile(bench.sample.key(1), bench.sample.invalid, quota="none")
    assert bench.holds(1) == bench.sample.before(1)


def test_update_profile_raises_for_a_refused_credential(bench: Bench) -> None:
    from airflow_profile_provider.errors import CredentialRefused

    bench.hold(1)
    bench.connect(password="Wr0ng-S3cr3t")
    with pytest.raises(CredentialRefused):
        bench.hook.update_profile(bench.sample.key(1), bench.sample.fields(1), quota="none")


# -- changes of one key -------------------------------------------------------------------------------------


def test_the_last_of_several_changes_of_a_key_wins(bench: Bench) -> None:
    bench.hold(*range(4))
    changes = [bench.rename(1, f"Version{number}") for number in range(6)]
    report = bench.push([bench.change(0), *changes, bench.change(2)])
    assert bench.holds(1)[bench.sample.text] == "Version5"
    held = counts(report)
    assert held["pushed"] + held.get("superseded", 0) == 8


def test_changes_of_different_fields_of_a_key_all_arrive(bench: Bench) -> None:
    bench.hold(1)
    report = bench.push([bench.rename(1, "Marker1"), bench.rename(1, "Marker2", other=True)])
    assert set(counts(report)) <= {"pushed", "superseded"}
    assert bench.holds(1)[bench.sample.text] == "Marker1"
    assert bench.holds(1)[bench.sample.other] == "Marker2"


def test_an_invalid_change_supersedes_nothing(bench: Bench) -> None:
    bench.hold(1)
    report = bench.push([bench.rename(1, "Marker1"), bench.change(1) | {"fields": bench.sample.invalid}])
    assert counts(report) == {"pushed": 1, "invalid": 1}
    assert bench.holds(1)[bench.sample.text] == "Marker1"


def test_superseded_changes_share_the_verdict_of_a_refusal(bench: Bench) -> None:
    report = bench.push([nobody(bench, 1), nobody(bench, 1)], concurrency=1)
    assert counts(report) == {"rejected": 2}


@pytest.mark.parametrize(
    ("older", "newer"),
    [(9, 10), ("2026-11-21T09:00:00+01:00", "2026-11-21T08:30:00Z")],
    ids=["integers", "instants"],
)
def test_an_older_version_never_overwrites_a_newer_one(bench: Bench, older: Any, newer: Any) -> None:
    bench.hold(1)
    changes = [{**bench.rename(1, "Newer"), "version": newer}, {**bench.rename(1, "Older"), "version": older}]
    held = counts(bench.push(changes))
    assert bench.holds(1)[bench.sample.text] == "Newer"
    assert held == {"pushed": 1, "superseded": 1}


def test_order_holds_for_a_key_however_far_apart(bench: Bench) -> None:
    bench.hold(*range(200))
    first = [bench.rename(number, "First") for number in range(200)]
    second = [bench.rename(number, "Second") for number in range(200)]
    bench.push([*first, *second], concurrency=8)
    assert {bench.holds(number)[bench.sample.text] for number in range(200)} == {"Second"}


# -- when nothing gets through ------------------------------------------------------------------------------


def test_fifty_refusals_without_an_acknowledgement_stop_the_push(bench: Bench) -> None:
    changes = [nobody(bench, number) for number in range(90)]
    outcome = bench.run(changes, max_failed="100%")
    assert not outcome.green
    assert outcome.report["received"] == 90
    assert counts(outcome.report)["unsent"] >= 25
    assert 50 <= len(bench.stand_in.requests) <= 60


@pytest.mark.parametrize("status", [403, 404])
def test_a_403_or_404_after_an_acknowledgement_rejects_that_record(bench: Bench, status: int) -> None:
    bench.hold(1, 2, 3)
    bench.stand_in.faults = [Fault(status, "no", key=bench.sample.key(2))]
    report = bench.push(bench.changes(1, 2, 3), concurrency=1)
    assert counts(report) == {"pushed": 2, "rejected": 1}


@pytest.mark.parametrize("status", [403, 404])
def test_a_403_or_404_before_any_acknowledgement_does_not_stop_the_rest(bench: Bench, status: int) -> None:
    bench.hold(1, 2, 3)
    bench.stand_in.faults = [Fault(status, "no", key=bench.sample.key(1))]
    report = bench.push(bench.changes(1, 2, 3), concurrency=1)
    assert counts(report) == {"pushed": 2, "rejected": 1}


@pytest.mark.parametrize("status", [403, 404])
def test_403_or_404_for_everybody_stops_the_push(bench: Bench, status: int) -> None:
    bench.hold(*range(80))
    bench.stand_in.faults = [Fault(status, "no", times=None)]
    outcome = bench.run(bench.changes(*range(80)), max_failed="100%")
    assert not outcome.green
    assert counts(outcome.report)["unsent"] >= 15
    assert len(bench.stand_in.writes) <= 60


def test_a_refused_credential_stops_at_once(bench: Bench) -> None:
    from airflow_profile_provider.errors import CredentialRefused

    bench.hold(*range(40))
    bench.connect(password="Wr0ng-S3cr3t")
    with pytest.raises(CredentialRefused) as stopped:
        bench.push(bench.changes(*range(40)), concurrency=4)
    assert len(bench.stand_in.requests) <= 10
    assert stopped.value.report is not None
    assert stopped.value.report.unsent >= 30
    assert stopped.value.report.acknowledged == 0


def test_the_message_of_a_refused_credential_names_it_in_the_vendors_words(bench: Bench) -> None:
    from .bench import registration

    bench.hold(1)
    bench.connect(password="Wr0ng-S3cr3t")
    outcome = bench.run(bench.changes(1))
    label = registration(bench.conn_type)["ui-field-behaviour"]["relabeling"]["password"]
    assert label.lower() in str(outcome.error).lower()
    assert "Wr0ng-S3cr3t" not in outcome.said
