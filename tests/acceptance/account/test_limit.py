"""``limit``: the first so many records that would be sent are, and the others stay as they were."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowException
from airflow.sdk import DAG
from resuming import FileCheckpoints
from standins import Fault

from acceptance.rig import counts
from airflow_profile_provider.errors import ConfigurationError, Paused, PushStopped
from airflow_profile_provider.operators.ocamba import OcambaPushProfilesOperator
from airflow_profile_provider.reports import Report

from .scene import QuickHook, Scene
from .test_arguments import Ti


def changes(scene: Scene, value: str = "new") -> list[dict[str, Any]]:
    return [{"key": str(n), "fields": {"comment": f"{value} {n}"}} for n in range(scene.number)]


def written(scene: Scene) -> list[str]:
    return [request.path.rsplit("/", 1)[1] for request in scene.vendor.requests if request.method == "PATCH"]


def test_a_limited_push_is_green_and_the_next_runs_send_the_rest(scene: Scene) -> None:
    given = changes(scene)
    given[1]["fields"] = {}  # invalid
    for run, expected in enumerate(
        [
            {"pushed": 10, "invalid": 1, "planned": 19},
            {"pushed": 10, "unchanged": 10, "invalid": 1, "planned": 9},
            {"pushed": 9, "unchanged": 20, "invalid": 1},
            {"unchanged": 29, "invalid": 1},
        ]
    ):
        task = OcambaPushProfilesOperator(
            task_id="t", records=given, limit=10, ledger_conn_id="ledger", max_failed=1
        )
        assert counts(task.execute({"ti": Ti()})) == expected, run
    assert sorted(map(int, written(scene))) == [0, *range(2, 30)]


def test_without_a_ledger_the_first_records_are_sent_each_time(scene: Scene) -> None:
    for _ in range(2):
        assert counts(scene.push(changes(scene), limit=3, ledger_conn_id=None).report) == {
            "pushed": 3,
            "planned": 27,
        }
    assert sorted(written(scene)) == ["0", "0", "1", "1", "2", "2"]


def test_what_is_left_is_neither_in_doubt_nor_delivered_nor_in_the_rejects(scene: Scene) -> None:
    ended = scene.push(changes(scene), limit=2)
    assert (ended.delivered, ended.rejects) == (["0", "1"], [])
    plan = scene.push(changes(scene), action="plan", plan_path=scene.folder / "plan.jsonl")
    assert plan.report is not None and plan.report.unchanged == 2
    lines = [json.loads(line) for line in (scene.folder / "plan.jsonl").read_text().splitlines()]
    assert {line["why"] for line in lines} == {"new"}


def test_two_changes_of_a_key_are_two_records_and_the_later_one_wins_in_the_end(scene: Scene) -> None:
    given = [*changes(scene)[:3], {"key": "0", "fields": {"comment": "last"}}]
    assert counts(scene.push(given, limit=3).report) == {"pushed": 3, "planned": 1}
    assert counts(scene.push(given, limit=3).report)["pushed"] == 1
    assert scene.vendor.profiles["0"]["comment"] == "last"
    before = len(written(scene))
    assert scene.push(given, limit=3).report.planned == 0  # type: ignore[union-attr]
    assert len(written(scene)) == before


def test_a_plan_shows_what_the_limited_push_sends_and_the_approved_push_sends_it(scene: Scene) -> None:
    limited: dict[str, Any] = {"records": changes(scene), "limit": 4, "ledger_conn_id": "ledger"}
    ti = Ti()
    plan = OcambaPushProfilesOperator(task_id="p", action="plan", **limited).execute({"ti": ti})
    assert counts(plan) == {"planned": 30}
    assert ti.xcoms["plan"].startswith("4-")
    assert (
        "**4 of 30 records** would be sent.\n26 more are left for later runs, by `limit`."
        in ti.xcoms["plan_summary"]
    )
    push = OcambaPushProfilesOperator(task_id="t", approved_plan=ti.xcoms["plan"], **limited)
    assert counts(push.execute({"ti": Ti()})) == {"pushed": 4, "planned": 26}


def test_max_changes_looks_at_all_that_would_change(scene: Scene) -> None:
    """A limit must not hide a broken source from it."""
    ended = scene.push(changes(scene), limit=2, max_changes="50%", ledger_conn_id=None)
    assert isinstance(ended.error, PushStopped)
    assert "30 of 30 records would change" in str(ended.error)
    assert written(scene) == []
    assert (
        counts(scene.push(changes(scene), limit=2, max_changes=30, ledger_conn_id=None).report)["pushed"] == 2
    )


def test_max_failed_as_a_share_is_one_of_what_was_sent(scene: Scene) -> None:
    scene.vendor.faults = [Fault(400, "{}", key="1", times=None)]
    for share, is_green in (("20%", False), ("50%", True)):
        task = OcambaPushProfilesOperator(task_id="t", records=changes(scene), limit=2, max_failed=share)
        if is_green:
            assert task.execute({"ti": Ti()})["rejected"] == 1
        else:
            with pytest.raises(AirflowException, match="1 of 2 changes were not delivered"):
                task.execute({"ti": Ti()})


def test_each_share_has_a_limit_of_its_own(scene: Scene) -> None:
    reports = [scene.push(changes(scene), limit=3, partition=(i, 2)).report for i in (0, 1)]
    assert [counts(report)["pushed"] for report in reports] == [3, 3]
    assert sum(report.received for report in reports if report) == 30


# -- a push that ends early ---------------------------------------------------------------------------------


def resumed(scene: Scene, path: Path, **options: Any) -> Report:
    checkpoints = FileCheckpoints(scene.folder / "checkpoint.json")
    return QuickHook().push(path, checkpoints=checkpoints, limit=10, **options)


@pytest.mark.parametrize("ledger", [None, "ledger"])
@pytest.mark.parametrize("problem", ["credential", "record", "quota"])
def test_a_retry_sends_what_is_left_of_the_limit_and_never_more(
    scene: Scene, ledger: str | None, problem: str
) -> None:
    path = scene.folder / "people.jsonl"
    path.write_text("".join(json.dumps(change) + "\n" for change in changes(scene)))
    options: dict[str, Any] = {"ledger_conn_id": ledger}
    if problem == "credential":
        scene.vendor.faults = [Fault(401, key="6", times=None)]
        with pytest.raises(PushStopped):
            resumed(scene, path, **options)
    elif problem == "record":
        scene.vendor.faults = [Fault(503, key="2", times=None)]
        assert resumed(scene, path, **options).failed == 1
    else:
        with pytest.raises(Paused):
            resumed(scene, path, **options, quota="4/1h", patience=1)
    scene.vendor.faults = []
    report = resumed(scene, path, **options)
    assert counts(report)["planned"] == 20
    assert set(written(scene)) == {str(n) for n in range(10)}
    held = [key for key, profile in scene.vendor.profiles.items() if profile["comment"]]
    assert len(held) == 10


# -- arguments ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"limit": 0}, "limit must be a whole number from 1"),
        ({"limit": "5"}, "limit is text and no template: write limit=5"),
        ({"limit": 5, "action": "baseline", "ledger_conn_id": "l"}, 'not for action="baseline"'),
    ],
)
def test_a_limit_that_means_nothing_is_refused_at_parse_time(given: dict[str, Any], why: str) -> None:
    with DAG("d", schedule=None), pytest.raises(ConfigurationError, match=why):
        OcambaPushProfilesOperator(task_id="t", records="people.csv", **given)
