"""A weekly audit: nobody is asked if nothing differs, and what was approved is repaired, and nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from include.demo import stage
from include.demo.audits import EDITED, AuditNight
from include.demo.check import read_source
from include.demo.source import VENDORS
from own_airflow import ROOT

from airflow_profile_provider.sandbox import Sandbox

from .conftest import Deployment, Ended, TestDag
from .test_approval import Table, table
from .test_dag_test import held

__all__ = ["table"]

pytestmark = pytest.mark.long

DAG = "weekly_audit"
BY_HAND = {"comment": "Edited by hand"}


@pytest.fixture
def first(deployment: Deployment, sandbox: Sandbox, table: Table) -> Ended:
    """The run that the schedule starts by itself, once the DAG is switched on."""
    deployment.switch_on(DAG)
    return deployment.end_of(DAG, deployment.first_run(DAG)[0])


def edit(sandbox: Sandbox, table: Table, first: int, last: int) -> None:
    sandbox.edit("ocamba", dict.fromkeys(table.keys[first:last], BY_HAND))
    sandbox.forget_requests("ocamba")


def edited(sandbox: Sandbox) -> int:
    """How many profiles are as hands have left them."""
    return sum(fields["comment"] == BY_HAND["comment"] for fields in sandbox.profiles("ocamba").values())


def asked(deployment: Deployment) -> str:
    """Start an audit, and wait until somebody is asked; return the run's id."""
    run_id = deployment.trigger(DAG)
    deployment.wait_for_question(DAG, run_id)
    return run_id


def say_yes(deployment: Deployment, run_id: str) -> None:
    task = f"dags/{DAG}/dagRuns/{run_id}/taskInstances/approve/-1"
    answer = {"chosen_options": ["Approve"], "params_input": {}}
    deployment.airflow.request("PATCH", f"{task}/hitlDetails", answer)


def test_nobody_is_asked_where_nothing_differs(first: Ended, table: Table) -> None:
    assert first.state == "success"
    assert (first.tasks["approve"], first.tasks["repair"]) == ("skipped", "skipped")
    assert first.report("audit")["verified"] == len(table.keys)


def test_what_was_approved_is_repaired_and_nothing_else(
    deployment: Deployment, sandbox: Sandbox, table: Table, first: Ended, folder: Path
) -> None:
    edit(sandbox, table, 0, 5)
    run_id = asked(deployment)
    assert sandbox.requests("ocamba")["writes"] == 0
    edit(sandbox, table, 20, 22)  # hands that came after the audit
    say_yes(deployment, run_id)
    ended = deployment.end_of(DAG, run_id)
    assert ended.state == "success", ended.tasks
    assert (ended.report("audit")["drifted"], ended.report("repair")["pushed"]) == (5, 5)
    assert (sandbox.requests("ocamba")["writes"], edited(sandbox)) == (5, 2)
    wanted = {key: fields for key, fields in table.wanted().items() if key not in table.keys[20:22]}
    assert held(sandbox, "ocamba", wanted) == wanted
    audits = [file.read_text() for file in (folder / "audits").glob("ocamba-*.jsonl")]
    assert sorted(len(text.splitlines()) for text in audits)[-1] == 5
    assert not any(BY_HAND["comment"] in text for text in audits)


def test_what_is_no_longer_as_it_was_approved_is_not_repaired(
    deployment: Deployment, sandbox: Sandbox, table: Table, first: Ended
) -> None:
    edit(sandbox, table, 0, 5)
    run_id = asked(deployment)
    table.change("phone", 1)
    say_yes(deployment, run_id)
    ended = deployment.end_of(DAG, run_id)
    assert (ended.state, ended.tasks["repair"]) == ("failed", "failed")
    assert (sandbox.requests("ocamba")["writes"], edited(sandbox)) == (0, 5)


def test_hands_that_edit_at_all_five_vendors_are_found_and_put_right(
    test_dag: TestDag, sandbox: Sandbox, folder: Path, tmp_path: Path
) -> None:
    stage.make_source(sandbox, tmp_path / "people.db")
    assert test_dag(ROOT / "dags" / "nightly_chain.py").state == "success"

    def run(action: str) -> dict[str, Any]:
        ended = test_dag(ROOT / "dags" / "audit_all.py", run_conf={"action": action})
        return {vendor: ended.report(f"audit_{vendor}") for vendor in VENDORS}

    night = AuditNight(sandbox, read_source(tmp_path / "people.db"), folder, run)
    night.edit()
    assert night.look("audit", drifted=EDITED) == []
    assert night.look("repair", drifted=0, pushed=EDITED) == []
    assert night.look("audit", drifted=0) == []
