"""The plan of a push: another task with the same arguments, which sends nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from airflow.providers.common.compat.sdk import XComArg

if TYPE_CHECKING:
    from airflow_profile_provider.operators.base import PushProfilesOperator

Push = TypeVar("Push", bound="PushProfilesOperator")

_ITS_OWN = frozenset(
    {
        *("task_id", "dag", "task_group", "trigger_rule", "depends_on_past", "wait_for_downstream"),
        *("inlets", "outlets", "retries", "task_display_name"),
        *("doc", "doc_md", "doc_json", "doc_yaml", "doc_rst"),
        *("action", "approved_plan", "delivered_path", "max_drifted"),
    }
)
"""What belongs to the push alone: where it stands in the DAG, and what comes of it."""


def plan_of(push: Push, changes: dict[str, Any]) -> Push:
    """Make a push's plan, and let the push send nothing but what that plan has; of a repair, an audit.

    Raises:
        TypeError: another action is asked for.
    """
    action = "audit" if push.action == "repair" else "plan"
    if changes.get("action", action) != action:
        raise TypeError("planned() makes the task that plans: leave out action")
    given: dict[str, Any] = vars(push)["_BaseOperator__init_kwargs"]  # as Airflow itself keeps them to map
    arguments = {name: value for name, value in given.items() if name not in _ITS_OWN}
    arguments |= {"scope": push.scope or f"{push.dag_id}.{push.task_id}"}
    place = {"task_id": f"{action}_{push.label}", "dag": push.dag, "task_group": push.task_group}
    plan = type(push)(**arguments | place | changes | {"action": action})
    if push.approved_plan is None:
        push.approved_plan = XComArg(plan, "plan")
    return plan
