"""``push.planned()``: the plan of a push, with its arguments said once, and a push of exactly that plan."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowException
from airflow.sdk import DAG, Asset, TaskGroup

from airflow_profile_provider.decorators import push_profiles
from airflow_profile_provider.operators.communifire import CommunifirePushProfilesOperator
from airflow_profile_provider.operators.ocamba import OcambaPushProfilesOperator

from .scene import Scene
from .test_arguments import Ti


def the_push(scene: Scene, **arguments: Any) -> OcambaPushProfilesOperator:
    """A push of good changes, with a ledger, among a DAG's."""
    changes = [{"key": str(n), "fields": {"comment": f"new {n}"}} for n in range(5)]
    given = {"records": changes, "ledger_conn_id": "ledger", "task_id": "push", **arguments}
    return OcambaPushProfilesOperator(**given)


def test_a_plan_has_the_arguments_of_its_push_and_what_it_is_given() -> None:
    with DAG("d", schedule=None, default_args={"retries": 4}):
        push = CommunifirePushProfilesOperator(
            task_id="push",
            records="{{ x }}.csv",
            key="id",
            fields={"Phone": "phone"},
            key_type="Email",
            mode="upsert",
            communifire_conn_id="another",
            max_failed="1%",
            pool="vendors",
            rejects_path="/r/",
            delivered_path="/d.txt",
            retries=0,
            outlets=[Asset("people")],
        )
        plan = push.planned(plan_path="/plan.jsonl", max_failed=3)
    assert type(plan) is CommunifirePushProfilesOperator
    assert (plan.task_id, plan.action, plan.plan_path) == ("plan_push", "plan", "/plan.jsonl")
    taken = ("records", "key", "fields", "mode", "communifire_conn_id", "pool", "rejects_path")
    assert [getattr(plan, name) for name in taken] == [getattr(push, name) for name in taken]
    assert (plan.max_failed, plan.retries, plan.outlets, plan.delivered_path) == (3, 4, [], None)
    assert (push.action, push.retries, push.delivered_path) == ("push", 0, "/d.txt")


def test_the_push_waits_for_its_plan_and_takes_its_id() -> None:
    with DAG("d", schedule=None), TaskGroup("group"):
        push = OcambaPushProfilesOperator(task_id="push", records="x.jsonl")
    plan = push.planned()
    assert plan.task_id == "group.plan_push"
    assert (push.upstream_task_ids, plan.upstream_task_ids) == ({"group.plan_push"}, set())
    assert "task_ids='group.plan_push'" in str(push.approved_plan)
    assert "key='plan'" in str(push.approved_plan)


def test_an_approved_plan_that_was_given_stays() -> None:
    with DAG("d", schedule=None):
        push = OcambaPushProfilesOperator(
            task_id="push", records="x.jsonl", approved_plan="{{ params.plan }}"
        )
        push.planned()
    assert push.approved_plan == "{{ params.plan }}"


def test_another_action_is_refused() -> None:
    with DAG("d", schedule=None):
        push = OcambaPushProfilesOperator(task_id="push", records="x.jsonl")
        with pytest.raises(TypeError, match="leave out action"):
            push.planned(action="baseline")


def test_what_was_planned_is_pushed_and_nothing_else(scene: Scene) -> None:
    with DAG("d", schedule=None):
        push = the_push(scene)
        plan = push.planned(plan_path=str(scene.folder / "plan.jsonl"))
    ti = Ti()
    assert plan.execute({"ti": ti})["planned"] == 5
    assert len(Path(scene.folder / "plan.jsonl").read_text().splitlines()) >= 5
    assert scene.vendor.requests == []
    push.approved_plan = ti.xcoms["plan"]  # as Airflow resolves it
    push.records = [*push.records.records, {"key": "7", "fields": {"comment": "late"}}]
    with pytest.raises(AirflowException, match="what would be sent is no longer what was approved"):
        push.execute({"ti": Ti()})
    push.records = push.records.records[:-1]
    assert push.execute({"ti": Ti()})["pushed"] == 5


def test_a_function_is_planned_too(scene: Scene) -> None:
    with DAG("d", schedule=None) as dag:
        people = push_profiles("ocamba", ledger_conn_id="ledger")(people_of)
        push: Any = people(3).operator
        plan = push.planned(task_id="plan")
    assert set(dag.task_ids) == {"people_of", "plan"}
    ti = Ti()
    assert plan.execute({"ti": ti})["planned"] == 3
    push.approved_plan = ti.xcoms["plan"]
    assert push.execute({"ti": Ti()})["pushed"] == 3


def people_of(number: int) -> list[dict[str, Any]]:
    """A function that gives so many changes."""
    return [{"key": str(n), "fields": {"comment": "planned"}} for n in range(number)]
