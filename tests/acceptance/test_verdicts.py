"""Verdicts add up, and a task is red or green as they say."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from standins import Fault

from .rig import Rig, counts


def with_refusals(rig: Rig, good: int, refused: int) -> list[dict[str, Any]]:
    """Good changes first, then changes that the vendor refuses."""
    rig.hold(*range(good))
    return [*rig.changes(*range(good)), *(nobody(rig, number) for number in range(refused))]


def nobody(rig: Rig, number: int) -> dict[str, Any]:
    """A change of one of many whom the vendor does not know."""
    return {"key": rig.sample.nobody[:-2] + f"{number:02d}", "fields": {rig.sample.text: "MarkerQuartz"}}


# -- green and red ------------------------------------------------------------------------------------------


def test_everything_pushed_is_green(rig: Rig) -> None:
    outcome = rig.run(with_refusals(rig, good=5, refused=0))
    assert outcome.green
    assert counts(outcome.report) == {"pushed": 5}


def test_one_refusal_is_red_by_default_after_the_rest_was_delivered(rig: Rig) -> None:
    changes = with_refusals(rig, good=4, refused=1)
    outcome = rig.run([changes[0], changes[-1], *changes[1:-1]])
    assert not outcome.green
    assert counts(outcome.report) == {"pushed": 4, "rejected": 1}
    assert [rig.holds(number) for number in range(4)] == [rig.expected(number) for number in range(4)]


@pytest.mark.parametrize(("max_failed", "green"), [(1, False), (2, True), (3, True)])
def test_max_failed_counts_what_may_fail(rig: Rig, max_failed: int, green: bool) -> None:
    changes = [*with_refusals(rig, good=4, refused=1), rig.change(0) | {"fields": rig.sample.invalid}]
    outcome = rig.run(changes, max_failed=max_failed)
    assert counts(outcome.report) == {"pushed": 4, "rejected": 1, "invalid": 1}
    assert outcome.green is green


@pytest.mark.parametrize(("max_failed", "green"), [("19%", False), ("20%", True), ("20.5%", True)])
def test_max_failed_may_be_a_percentage(rig: Rig, max_failed: str, green: bool) -> None:
    outcome = rig.run(with_refusals(rig, good=8, refused=2), max_failed=max_failed)
    assert counts(outcome.report) == {"pushed": 8, "rejected": 2}
    assert outcome.green is green


def test_a_percentage_is_not_of_superseded_changes(rig: Rig) -> None:
    rig.hold(1)
    same = [rig.rename(1, f"Version{number}") for number in range(9)]
    outcome = rig.run([*same, nobody(rig, 1)], max_failed="49%", concurrency=1)
    held = counts(outcome.report)
    assert held["rejected"] == 1
    # Whatever was coalesced, one of what remained failed: at least 1 in 10, at most 1 in 2.
    assert outcome.green is (0.49 * (10 - held.get("superseded", 0)) >= 1)


def test_none_acknowledged_is_red_whatever_the_percentage(rig: Rig) -> None:
    outcome = rig.run(with_refusals(rig, good=0, refused=2), max_failed="100%")
    assert not outcome.green
    assert counts(outcome.report) == {"rejected": 2}


def test_none_acknowledged_is_green_within_a_count(rig: Rig) -> None:
    outcome = rig.run(with_refusals(rig, good=0, refused=2), max_failed=2)
    assert outcome.green
    assert counts(outcome.report) == {"rejected": 2}


@pytest.mark.parametrize("max_failed", ["a few", -1, "-1%", 0.05, True])
def test_a_max_failed_that_means_nothing_is_an_error(rig: Rig, max_failed: Any) -> None:
    with pytest.raises(Exception, match="max_failed"):
        raise_from(rig, max_failed=max_failed)
    assert rig.stand_in.requests == []


def raise_from(rig: Rig, **options: Any) -> None:
    outcome = rig.run(with_refusals(rig, good=1, refused=0), **options)
    if outcome.error is not None:
        raise outcome.error


# -- which red ----------------------------------------------------------------------------------------------


def test_refusals_alone_fail_for_good(rig: Rig) -> None:
    outcome = rig.run(with_refusals(rig, good=2, refused=1))
    assert outcome.for_good


def test_invalid_changes_alone_fail_for_good(rig: Rig) -> None:
    rig.hold(1, 2)
    outcome = rig.run([rig.change(1), {"key": rig.sample.key(2), "fields": rig.sample.invalid}])
    assert counts(outcome.report) == {"pushed": 1, "invalid": 1}
    assert outcome.for_good


def test_unsent_changes_let_airflow_try_again(rig: Rig) -> None:
    changes = with_refusals(rig, good=30, refused=0)
    rig.connect(password="Wr0ng-S3cr3t")
    outcome = rig.run(changes, max_failed=100)
    assert not outcome.green
    assert not outcome.for_good
    assert outcome.report["unsent"] >= 20


def test_a_push_that_stopped_is_red_within_any_max_failed(rig: Rig) -> None:
    changes = with_refusals(rig, good=10, refused=0)
    rig.stand_in.faults = [Fault(302, headers={"Location": "/login"}, on="any", times=None)]
    outcome = rig.run(changes, max_failed="100%")
    assert not outcome.green
    assert outcome.report["complete"] is False


# -- the report ---------------------------------------------------------------------------------------------


def test_the_report_goes_to_xcom_before_the_red(rig: Rig) -> None:
    outcome = rig.run(with_refusals(rig, good=2, refused=1))
    assert not outcome.green
    assert counts(outcome.xcoms["return_value"]) == {"pushed": 2, "rejected": 1}


def test_the_report_goes_to_xcom_when_the_push_stops(rig: Rig) -> None:
    changes = with_refusals(rig, good=10, refused=0)
    rig.connect(password="Wr0ng-S3cr3t")
    outcome = rig.run(changes)
    report = outcome.xcoms["return_value"]
    assert sum(counts(report).values()) == 10
    assert report["complete"] is False


def test_the_report_has_every_member(rig: Rig) -> None:
    report = rig.run(with_refusals(rig, good=2, refused=0)).report
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
    assert report["requests"] == len(rig.stand_in.requests)
    assert report["complete"] is True
    assert report["rejects"] is None


def test_the_hook_returns_the_report_whatever_the_verdicts(rig: Rig) -> None:
    report = rig.push(with_refusals(rig, good=0, refused=3))
    assert counts(report) == {"rejected": 3}


def test_the_hook_raises_with_the_report_when_the_push_stops(rig: Rig) -> None:
    from airflow_profile_provider.errors import PushStopped

    changes = with_refusals(rig, good=10, refused=0)
    rig.connect(password="Wr0ng-S3cr3t")
    with pytest.raises(PushStopped) as stopped:
        rig.push(changes)
    report = stopped.value.report
    assert report is not None
    assert report.received == 10
    assert sum(counts(report).values()) == 10


def test_the_hook_takes_any_iterable(rig: Rig) -> None:
    rig.hold(*range(3))
    report = rig.push(rig.change(number) for number in range(3))
    assert counts(report) == {"pushed": 3}


def test_the_hook_sends_before_it_has_read_everything(rig: Rig) -> None:
    from airflow_profile_provider.errors import PushStopped

    read, read_at_first_write = 0, []

    def source() -> Iterator[dict[str, Any]]:
        nonlocal read
        for number in range(20_000):
            if rig.stand_in.requests and not read_at_first_write:
                read_at_first_write.append(read)
            read += 1
            yield rig.change(number)

    rig.stand_in.faults = [Fault(302, "", {"Location": "/login"}, on="any", times=None)]
    with pytest.raises(PushStopped) as stopped:
        rig.push(source())
    assert read_at_first_write
    assert read_at_first_write[0] < 5_000
    report = stopped.value.report
    assert report is not None
    assert report.received == read
    assert sum(counts(report).values()) == read


# -- one profile --------------------------------------------------------------------------------------------


def test_update_profile_updates_one(rig: Rig) -> None:
    rig.hold(1)
    rig.hook.update_profile(rig.sample.key(1), rig.sample.fields(1), quota="none")
    assert rig.holds(1) == rig.expected(1)


def test_update_profile_raises_for_a_refusal(rig: Rig) -> None:
    from airflow_profile_provider.errors import ProfileError

    with pytest.raises(ProfileError):
        rig.hook.update_profile(rig.sample.nobody, {rig.sample.text: "MarkerQuartz"}, quota="none")


def test_update_profile_raises_for_invalid_fields(rig: Rig) -> None:
    from airflow_profile_provider.errors import ProfileError

    rig.hold(1)
    with pytest.raises(ProfileError):
        rig.hook.update_profile(rig.sample.key(1), rig.sample.invalid, quota="none")
    assert rig.holds(1) == rig.sample.before(1)


def test_update_profile_raises_for_a_refused_credential(rig: Rig) -> None:
    from airflow_profile_provider.errors import CredentialRefused

    rig.hold(1)
    rig.connect(password="Wr0ng-S3cr3t")
    with pytest.raises(CredentialRefused):
        rig.hook.update_profile(rig.sample.key(1), rig.sample.fields(1), quota="none")


# -- changes of one key -------------------------------------------------------------------------------------


def test_the_last_of_several_changes_of_a_key_wins(rig: Rig) -> None:
    rig.hold(*range(4))
    changes = [rig.rename(1, f"Version{number}") for number in range(6)]
    report = rig.push([rig.change(0), *changes, rig.change(2)])
    assert rig.holds(1)[rig.sample.text] == "Version5"
    held = counts(report)
    assert held["pushed"] + held.get("superseded", 0) == 8


def test_changes_of_different_fields_of_a_key_all_arrive(rig: Rig) -> None:
    rig.hold(1)
    report = rig.push([rig.rename(1, "Marker1"), rig.rename(1, "Marker2", other=True)])
    assert set(counts(report)) <= {"pushed", "superseded"}
    assert rig.holds(1)[rig.sample.text] == "Marker1"
    assert rig.holds(1)[rig.sample.other] == "Marker2"


def test_an_invalid_change_supersedes_nothing(rig: Rig) -> None:
    rig.hold(1)
    report = rig.push([rig.rename(1, "Marker1"), rig.change(1) | {"fields": rig.sample.invalid}])
    assert counts(report) == {"pushed": 1, "invalid": 1}
    assert rig.holds(1)[rig.sample.text] == "Marker1"


def test_superseded_changes_share_the_verdict_of_a_refusal(rig: Rig) -> None:
    report = rig.push([nobody(rig, 1), nobody(rig, 1)], concurrency=1)
    assert counts(report) == {"rejected": 2}


@pytest.mark.parametrize(
    ("older", "newer"),
    [(9, 10), ("2026-11-21T09:00:00+01:00", "2026-11-21T08:30:00Z")],
    ids=["integers", "instants"],
)
def test_an_older_version_never_overwrites_a_newer_one(rig: Rig, older: Any, newer: Any) -> None:
    rig.hold(1)
    changes = [{**rig.rename(1, "Newer"), "version": newer}, {**rig.rename(1, "Older"), "version": older}]
    held = counts(rig.push(changes))
    assert rig.holds(1)[rig.sample.text] == "Newer"
    assert held == {"pushed": 1, "superseded": 1}


def test_order_holds_for_a_key_however_far_apart(rig: Rig) -> None:
    rig.hold(*range(200))
    first = [rig.rename(number, "First") for number in range(200)]
    second = [rig.rename(number, "Second") for number in range(200)]
    rig.push([*first, *second], concurrency=8)
    assert {rig.holds(number)[rig.sample.text] for number in range(200)} == {"Second"}


# -- when nothing gets through ------------------------------------------------------------------------------


def test_fifty_refusals_without_an_acknowledgement_stop_the_push(rig: Rig) -> None:
    changes = [nobody(rig, number) for number in range(90)]
    outcome = rig.run(changes, max_failed="100%")
    assert not outcome.green
    assert outcome.report["received"] == 90
    assert counts(outcome.report)["unsent"] >= 25
    assert 50 <= len(rig.stand_in.requests) <= 60


@pytest.mark.parametrize("status", [403, 404])
def test_a_403_or_404_after_an_acknowledgement_rejects_that_record(rig: Rig, status: int) -> None:
    rig.hold(1, 2, 3)
    rig.stand_in.faults = [Fault(status, "no", key=rig.sample.key(2))]
    report = rig.push(rig.changes(1, 2, 3), concurrency=1)
    assert counts(report) == {"pushed": 2, "rejected": 1}


@pytest.mark.parametrize("status", [403, 404])
def test_a_403_or_404_before_any_acknowledgement_does_not_stop_the_rest(rig: Rig, status: int) -> None:
    rig.hold(1, 2, 3)
    rig.stand_in.faults = [Fault(status, "no", key=rig.sample.key(1))]
    report = rig.push(rig.changes(1, 2, 3), concurrency=1)
    assert counts(report) == {"pushed": 2, "rejected": 1}


@pytest.mark.parametrize("status", [403, 404])
def test_403_or_404_for_everybody_stops_the_push(rig: Rig, status: int) -> None:
    rig.hold(*range(80))
    rig.stand_in.faults = [Fault(status, "no", times=None)]
    outcome = rig.run(rig.changes(*range(80)), max_failed="100%")
    assert not outcome.green
    assert counts(outcome.report)["unsent"] >= 15
    assert len(rig.stand_in.writes) <= 60


def test_a_refused_credential_stops_at_once(rig: Rig) -> None:
    from airflow_profile_provider.errors import CredentialRefused

    rig.hold(*range(40))
    rig.connect(password="Wr0ng-S3cr3t")
    with pytest.raises(CredentialRefused) as stopped:
        rig.push(rig.changes(*range(40)), concurrency=4)
    assert len(rig.stand_in.requests) <= 10
    assert stopped.value.report is not None
    assert stopped.value.report.unsent >= 30
    assert stopped.value.report.acknowledged == 0


def test_the_message_of_a_refused_credential_names_it_in_the_vendors_words(rig: Rig) -> None:
    from .rig import registration

    rig.hold(1)
    rig.connect(password="Wr0ng-S3cr3t")
    outcome = rig.run(rig.changes(1))
    label = registration(rig.conn_type)["ui-field-behaviour"]["relabeling"]["password"]
    assert label.lower() in str(outcome.error).lower()
    assert "Wr0ng-S3cr3t" not in outcome.said
