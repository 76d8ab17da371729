"""Who leaves a source, at every vendor and in a task: told once, and red where too many left."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import DAG
from resuming import FileCheckpoints, QuickHook
from standins import Fault

from airflow_profile_provider.errors import PushStopped

from .rig import Outcome, Rig, TaskInstanceStub, counts

Run = Callable[..., Outcome]
GONE = {"comment": "gone"}


@pytest.fixture(autouse=True)
def ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = {"conn_type": "sqlite", "host": str(tmp_path / "ledger.db")}
    monkeypatch.setenv("AIRFLOW_CONN_LEDGER", json.dumps(store))


def run(rig: Rig, *numbers: int, **options: Any) -> Outcome:
    """Push these profiles, with a ledger."""
    return rig.run(rig.changes(*numbers), ledger_conn_id="ledger", **options)


def test_each_vendor_is_told_once(rig: Rig) -> None:
    rig.hold(1, 2, 3)
    gone = {rig.sample.text: "gone"}
    assert run(rig, 1, 2, 3).green
    outcome = run(rig, 2, 3, on_absent=gone)
    assert outcome.report["absent"] == 1
    assert counts(outcome.report) == {"pushed": 1, "unchanged": 2}
    assert run(rig, 2, 3, on_absent=gone).report["requests"] == 0
    outcome = run(rig, 1, 2, 3, on_absent=gone)
    assert counts(outcome.report) == {"pushed": 1, "unchanged": 2}


def test_a_task_is_red_for_good_where_too_many_left(ocamba: Rig) -> None:
    ocamba.hold(1, 2, 3)
    run(ocamba, 1, 2, 3)
    sent = len(ocamba.stand_in.requests)
    outcome = run(ocamba, 3, on_absent=GONE, max_absent=1)
    assert outcome.for_good
    assert "2 of 3 keys are absent from the source, and max_absent allows 1" in outcome.said
    assert outcome.xcoms["return_value"]["absent"] == 2
    assert len(ocamba.stand_in.requests) == sent


def task(rig: Rig, records: Any, stub: TaskInstanceStub, **options: Any) -> dict[str, Any]:
    given = {"ledger_conn_id": "ledger", "quota": "none", "on_absent": "report", **options}
    operator = rig.operator_class(task_id=stub.task_id, records=records, **given)
    found: dict[str, Any] = operator.execute({"ti": stub})
    return found


def test_a_red_task_says_both_what_failed_and_who_left(ocamba: Rig) -> None:
    ocamba.hold(1, 2)
    run(ocamba, 1, 2, 3)
    said = run(ocamba, 3, on_absent=GONE, max_absent=1).said
    assert "1 of 1 changes were not delivered" in said
    assert "2 of 2 keys are absent" in said


def test_two_tasks_have_a_scope_each(ocamba: Rig) -> None:
    ocamba.hold(1, 2, 3)
    task(ocamba, ocamba.changes(1, 2, 3), TaskInstanceStub(task_id="staff"))
    found = {
        task_id: task(ocamba, ocamba.changes(2, 3), TaskInstanceStub(task_id=task_id))["absent"]
        for task_id in ("others", "staff")
    }
    assert found == {"others": 0, "staff": 1}


def test_mapped_tasks_with_records_of_their_own_are_refused(ocamba: Rig) -> None:
    mapped = TaskInstanceStub(map_index=0)
    with pytest.raises(Exception, match="on_absent in a mapped task"):
        task(ocamba, ocamba.changes(1), mapped)
    assert ocamba.stand_in.requests == []
    assert task(ocamba, ocamba.changes(1), mapped, partition=(0, 1))["pushed"] == 1
    assert task(ocamba, ocamba.changes(1), mapped, scope="mine")["received"] == 1


def test_a_mapped_task_writes_a_file_of_its_own(ocamba: Rig, tmp_path: Path) -> None:
    path = tmp_path / "absent.txt"
    task(ocamba, ocamba.changes(1), TaskInstanceStub(map_index=3), partition=(0, 1), absent_path=path)
    assert (tmp_path / "absent.3.txt").exists()


def test_a_plan_of_a_push_finds_whom_the_push_finds(ocamba: Rig) -> None:
    ocamba.hold(1, 2, 3)
    run(ocamba, 1, 2, 3)
    with DAG("nightly", schedule=None):
        push = ocamba.operator_class(
            task_id="push",
            records=ocamba.changes(2, 3),
            ledger_conn_id="ledger",
            quota="none",
            on_absent=GONE,
            approved_plan="given below",
        )
        plan = push.planned()
    planning = TaskInstanceStub(task_id="plan_push")
    assert plan.execute({"ti": planning})["absent"] == 1
    assert "| absent from the source | 1 |" in planning.xcoms["plan_summary"]
    push.approved_plan = planning.xcoms["plan"]
    assert push.execute({"ti": TaskInstanceStub()})["pushed"] == 1


def test_a_resumed_push_tells_each_once_and_counts_all(ocamba: Rig, tmp_path: Path) -> None:
    everybody = [{"key": ocamba.sample.key(n), "fields": {"comment": "here"}} for n in range(1, 9)]
    ocamba.hold(*range(1, 9))

    def push(records: Any) -> Any:
        checkpoints = FileCheckpoints(tmp_path / "checkpoint.json")
        how = {"ledger_conn_id": "ledger", "on_absent": GONE, "checkpoints": checkpoints}
        return QuickHook().push(records, quota="none", concurrency=1, **how)

    QuickHook().push(everybody, ledger_conn_id="ledger", quota="none")
    sent = len(ocamba.stand_in.requests)
    ocamba.stand_in.faults = [Fault(401, key=ocamba.sample.key(2))]
    with pytest.raises(PushStopped) as caught:
        push(everybody[5:])
    assert caught.value.report is not None
    report = push(everybody[5:])
    assert (report.absent, report.received) == (5, 8)
    assert counts(report) == {"pushed": 5, "unchanged": 3}
    told = [one.path.rsplit("/", 1)[1] for one in ocamba.stand_in.requests[sent:] if one.json == GONE]
    assert len(told) == 5 + 1, "one was refused with the credential"


def test_a_key_of_ones_own_may_leave(ocamba: Rig) -> None:
    """What is sent goes to the profile that is remembered: nobody is looked up for it."""
    keys = [ocamba.sample.key(n) for n in range(1, 4)]
    ocamba.stand_in.profiles |= {key: {"email": f"{n}@example.com"} for n, key in enumerate(keys)}
    rows = [{"id": f"P-{n}", "email": f"{n}@example.com", "comment": "here"} for n in range(3)]

    def push(records: Any) -> Outcome:
        how = {"key": "id", "fields": ["comment"], "match": {"email": "email"}}
        return ocamba.run(records, ledger_conn_id="ledger", on_absent=GONE, **how)

    assert push(rows).report["pushed"] == 3
    outcome = push(rows[1:])
    assert counts(outcome.report) == {"pushed": 1, "unchanged": 2}
    assert outcome.report["requests"] == 1
    assert ocamba.stand_in.profiles[keys[0]]["comment"] == "gone"
    assert push(rows).report["pushed"] == 1
