"""What an Airflow's administrator sets for all operators, and what a DAG sets for all of its tasks."""

from __future__ import annotations

import json
import threading
import time
from datetime import timedelta
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException
from airflow.sdk import DAG
from own_airflow import AIRFLOW_VERSION, serialized
from standins import Fault

from airflow_profile_provider.decorators import push_profiles
from airflow_profile_provider.operators.ocamba import OcambaPushProfilesOperator
from airflow_profile_provider.operators.outcome import push_retry_policy

from .scene import CANARY, Scene
from .test_arguments import Ti, run


def stored(dag: DAG) -> str:
    """The DAG as Airflow stores it."""
    return json.dumps(serialized(dag))


def test_records_in_default_args_are_pushed_and_never_stored(scene: Scene) -> None:
    """Also where they are in another argument by mistake, and where the first task is mapped."""
    good = [change for change in scene.changes if change["fields"] and change["key"] != "nobody"]
    with DAG("d", schedule=None, default_args={"records": good}) as dag:
        push = OcambaPushProfilesOperator(task_id="push")
    with DAG("m", schedule=None, default_args={"records": good, "rejects_path": good}) as mapped:
        OcambaPushProfilesOperator.partial(task_id="mapped").expand(concurrency=[1, 2])
    assert CANARY not in stored(dag)
    assert CANARY not in stored(mapped)
    assert push.execute({"ti": Ti()})["pushed"] == len(good)


def test_the_users_own_default_args_stay_as_they_are(scene: Scene) -> None:
    given = {"records": scene.changes}
    with DAG("d", schedule=None, default_args=given):
        OcambaPushProfilesOperator(task_id="push")
    assert given["records"] is scene.changes or given["records"] == scene.changes


@pytest.mark.skipif(AIRFLOW_VERSION < (3, 3), reason="Airflow 3.2 knows no retry policy")
def test_a_retry_policy_in_default_args_replaces_that_of_pushes() -> None:
    class Mine(type(push_retry_policy())):  # type: ignore[misc]
        pass

    mine = Mine()
    with DAG("d", schedule=None, default_args={"retry_policy": mine}):
        push = OcambaPushProfilesOperator(task_id="push", records=[])
        mapped = OcambaPushProfilesOperator.partial(task_id="mapped").expand(concurrency=[1])
        function: Any = push_profiles("ocamba", task_id="function")(list)().operator
    assert push.retry_policy is mine
    assert function.retry_policy is mine
    assert mapped.unmap({"concurrency": 1}).retry_policy is mine


@pytest.mark.parametrize(("set_to", "expected"), [(None, False), ("true", True), ("false", False)])
def test_default_deferrable_is_the_default(
    monkeypatch: pytest.MonkeyPatch, set_to: str | None, expected: bool
) -> None:
    if set_to is not None:
        monkeypatch.setenv("AIRFLOW__OPERATORS__DEFAULT_DEFERRABLE", set_to)
    push = OcambaPushProfilesOperator(task_id="push", records=[])
    assert push.deferrable is expected
    assert OcambaPushProfilesOperator(task_id="on", records=[], deferrable=True).deferrable is True
    assert OcambaPushProfilesOperator(task_id="off", records=[], deferrable=False).deferrable is False
    with DAG("d", schedule=None, default_args={"deferrable": not expected}):
        assert OcambaPushProfilesOperator(task_id="push", records=[]).deferrable is not expected


def test_airflows_configuration_says_which_waits_free_the_slot(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    push = OcambaPushProfilesOperator(task_id="push", records=[])
    assert push._patience == 30
    monkeypatch.setenv("AIRFLOW__PROFILES__DEFER_SECONDS", "90")
    assert push._patience == 90
    push.defer_seconds = 2.0
    assert push._patience == 2


@pytest.mark.parametrize("option", ["defer_seconds", "tell_seconds"])
@pytest.mark.parametrize("wrong", ["soon", "-1", "inf"])
def test_a_wrong_option_in_airflows_configuration_is_named(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, option: str, wrong: str
) -> None:
    monkeypatch.setenv(f"AIRFLOW__PROFILES__{option.upper()}", wrong)
    _, error = run(scene, deferrable=True)
    assert isinstance(error, AirflowFailException)
    assert f"[profiles] {option} in Airflow's configuration must be seconds" in str(error)
    assert scene.vendor.requests == []


def test_on_kill_ends_the_push_and_settles_what_is_in_flight(scene: Scene) -> None:
    scene.vendor.faults = [Fault(200, "{}", late=0.2, times=None)]
    push = OcambaPushProfilesOperator(
        task_id="t", records=scene.changes, concurrency=1, retries=2, retry_delay=timedelta(seconds=1)
    )

    def kill() -> None:
        while not scene.vendor.requests:
            time.sleep(0.01)
        push.on_kill()

    killer = threading.Thread(target=kill)
    killer.start()
    ti = Ti()
    with pytest.raises(AirflowException, match="asked to end"):
        push.execute({"ti": ti})
    killer.join()
    report = ti.xcoms["return_value"]
    assert report["complete"] is False
    assert report["unsent"] > 0
    assert report["failed"] == 0
    assert report["received"] == len(scene.changes)
