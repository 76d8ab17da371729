"""When the task of an audit is red, what it leaves behind, and who may approve a repair."""

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException
from airflow.sdk import DAG

from acceptance.rig import TaskInstanceStub, lines
from airflow_profile_provider.errors import PushStopped
from airflow_profile_provider.operators.ocamba import OcambaPushProfilesOperator

from .scene import FIELDS, NUMBER, Scene


def task(scene: Scene, **options: Any) -> tuple[TaskInstanceStub, AirflowException | None]:
    """Run the operator, and return what it left, and its error."""
    module = import_module(f"airflow_profile_provider.operators.{scene.vendor}")
    (kind,) = [
        found
        for name, found in vars(module).items()
        if name.endswith("PushProfilesOperator") and found.__module__ == module.__name__
    ]
    instance = TaskInstanceStub()
    given = {"key": "id", "fields": FIELDS[scene.vendor], "_airflow_from_mapped": True, **options}
    operator = kind(task_id="audit", records=scene.rows, **given)
    context = {"ti": instance, "task_instance": instance, "run_id": instance.run_id}
    try:
        instance.xcoms["return_value"] = operator.execute(context)
    except AirflowException as error:
        return instance, error
    return instance, None


@pytest.fixture
def edited(ocamba: Scene) -> Scene:
    """A scene in which seven profiles were edited by hand."""
    ocamba.push()
    ocamba.edit(*range(7))
    ocamba.writes()
    return ocamba


def test_drift_alone_makes_no_audit_red(edited: Scene) -> None:
    instance, error = task(edited, action="audit")
    assert error is None
    assert instance.xcoms["return_value"]["drifted"] == 7


@pytest.mark.parametrize(("most", "red"), [(7, False), (6, True), ("7%", False), ("6%", True)])
def test_more_drift_than_allowed_makes_it_red_for_good(edited: Scene, most: Any, red: bool) -> None:
    instance, error = task(edited, action="audit", max_drifted=most)
    assert isinstance(error, AirflowFailException) is red
    assert instance.xcoms["return_value"]["drifted"] == 7
    if red:
        assert f"7 of 100 records differ from what the vendor holds, and max_drifted allows {most}" in str(
            error
        )


def test_a_repair_of_more_than_allowed_sends_nothing(edited: Scene) -> None:
    instance, error = task(edited, action="repair", max_drifted=6)
    assert "max_drifted allows 6; nothing was sent" in str(error)
    assert instance.xcoms["return_value"]["drifted"] == 7
    assert edited.writes() == 0
    assert task(edited, action="repair", max_drifted=7)[0].xcoms["return_value"]["pushed"] == 7


def test_a_repair_sends_exactly_what_was_approved(edited: Scene) -> None:
    instance, _ = task(edited, action="audit")
    assert instance.xcoms["plan"].startswith("7-")
    edited.edit(50)
    _, error = task(edited, action="repair", approved_plan=instance.xcoms["plan"])
    assert "no longer what was approved: 7 records were, and now it is 8" in str(error)
    assert edited.writes() == 0
    instance, _ = task(edited, action="audit")
    instance, error = task(edited, action="repair", approved_plan=instance.xcoms["plan"])
    assert (error, instance.xcoms["return_value"]["pushed"]) == (None, 8)


def test_the_summary_names_fields_and_positions_and_no_value(edited: Scene) -> None:
    instance, _ = task(edited, action="audit")
    summary = instance.xcoms["plan_summary"]
    assert summary.startswith("**7 of 100 records** differ from what the vendor holds.")
    assert "| `full_name` | 7 |" in summary
    assert "* record 1: full_name" in summary
    assert "hand" not in summary
    assert not any(key in summary for key in edited.keys)


def test_no_value_is_in_logs_xcom_or_the_file(edited: Scene, capfd: pytest.CaptureFixture[str]) -> None:
    path = edited.folder / "audit.jsonl"
    instance, error = task(edited, action="audit", audit_path=str(path), max_drifted=1)
    said = f"{json.dumps(instance.xcoms)} {error!r} {path.read_text()} {''.join(capfd.readouterr())}"
    for canary in ("By hand", "Name 3", "Person.3", "person.3", "555-0003"):
        assert canary not in said


def test_values_are_in_the_file_only_where_they_were_asked_for(edited: Scene) -> None:
    path = edited.folder / "audit.jsonl"
    task(edited, action="audit", audit_path=str(path), audit_values=True)
    (line,) = [line for line in lines(path) if line["key"] == edited.keys[3]]
    assert line == {
        "key": edited.keys[3],
        "key_type": "id",
        "verdict": "drifted",
        "fields": ["full_name"],
        "position": 4,
        "values": {"full_name": {"source": "Name 3", "vendor": "By hand 3"}},
    }


def test_the_audits_task_is_made_of_the_repairs() -> None:
    with DAG("repaired", schedule=None):
        repair = OcambaPushProfilesOperator(
            task_id="repair", records="/data/people.csv", key="id", fields=["email"], action="repair"
        )
        audit = repair.planned(audit_path="/data/audit.jsonl")
    assert (audit.task_id, audit.action, audit.audit_path) == ("audit_repair", "audit", "/data/audit.jsonl")
    assert repair.approved_plan.operator is audit


def test_profiles_that_cannot_be_read_have_failed(ocamba: Scene) -> None:
    ocamba.push()
    ocamba.sandbox.faults("ocamba", status=403, method="GET", path="profiles$")
    ocamba.sandbox.faults("ocamba", status=403, method="GET", key=ocamba.keys[4])
    instance, error = task(ocamba, action="audit")
    assert instance.xcoms["return_value"]["failed"] == 1
    assert instance.xcoms["return_value"]["verified"] == NUMBER - 1
    assert "1 of 100 changes were not delivered" in str(error)
    assert task(ocamba, action="audit", max_failed="1%")[1] is None


def test_a_vendor_that_shows_nothing_stops_the_audit(ocamba: Scene) -> None:
    ocamba.sandbox.faults("ocamba", status=401, method="GET")
    with pytest.raises(PushStopped) as stopped:
        ocamba.push(action="audit")
    assert stopped.value.report is not None
    assert stopped.value.report.unsent + stopped.value.report.failed == NUMBER


def test_delivered_keys_are_those_that_the_vendor_holds(edited: Scene, tmp_path: Path) -> None:
    path = tmp_path / "delivered.jsonl"
    edited.push(action="audit", delivered_path=str(path))
    assert {line["key"] for line in lines(path)} == set(edited.keys[7:])
    edited.push(action="repair", delivered_path=str(path))
    assert {line["key"] for line in lines(path)} == set(edited.keys)


def test_a_repair_makes_what_is_missing_where_an_update_does(agilenow: Scene) -> None:
    names = agilenow.sandbox.keys("agilenow")
    fields = {**FIELDS["agilenow"], "LastName": "last"}
    rows = [{**row, "id": names[row["id"]]["Username"], "last": "Doe"} for row in agilenow.rows]
    given: dict[str, Any] = {"key_type": "Username", "mode": "upsert", "fields": fields}
    agilenow.push(rows, **given)
    agilenow.edit(5)
    agilenow.sandbox.trash("agilenow", *agilenow.keys[:2])
    assert agilenow.push(rows, action="audit", **given) == {
        "verified": NUMBER - 3,
        "drifted": 1,
        "missing": 2,
    }
    assert agilenow.push(rows, action="repair", **given) == {
        "verified": NUMBER - 3,
        "pushed": 1,
        "created": 2,
    }
