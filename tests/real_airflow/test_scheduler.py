"""The example DAGs under a real scheduler: by their schedule, by an asset's event, over the REST API."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from include.demo import stage
from include.demo.check import compare, expect_all, read_source
from include.demo.source import VENDORS
from include.ui import files

from airflow_profile_provider.sandbox import Sandbox

from .conftest import Deployment
from .test_dag_test import held

pytestmark = pytest.mark.long


def test_the_chain_runs_by_its_schedule_and_the_vendors_hold_the_source(
    deployment: Deployment, sandbox: Sandbox, people_database: Path
) -> None:
    stage.make_source(sandbox, people_database)
    before = {vendor: sandbox.profiles(vendor) for vendor in VENDORS}
    deployment.switch_on("nightly_chain")
    (run_id,) = deployment.first_run("nightly_chain")
    ended = deployment.end_of("nightly_chain", run_id)
    assert ended.state == "success", ended.tasks
    for vendor, expected in expect_all(read_source(people_database), before).items():
        report = ended.report(f"push_{vendor}")
        assert report["received"] == expected.received
        assert {name: report[name] for name in expected.verdicts} == expected.verdicts
        result = compare(expected.profiles, before[vendor], sandbox.profiles(vendor))
        assert not result.differences
        assert result.changed == report["pushed"]


def test_every_operator_runs_when_the_rest_api_asks_for_it(
    deployment: Deployment, sandbox: Sandbox, folder: Path
) -> None:
    today = datetime.now(UTC).date()
    samples = {vendor: files.write(folder, vendor, today, sandbox) for vendor in VENDORS}
    deployment.switch_on(*(f"push_{vendor}" for vendor in VENDORS))
    runs = {vendor: deployment.trigger(f"push_{vendor}") for vendor in VENDORS}
    for vendor, run_id in runs.items():
        ended = deployment.end_of(f"push_{vendor}", run_id)
        report = ended.report(f"push_{vendor}")
        assert ended.state == "success"  # the DAG allows ten
        assert [report[name] for name in ("received", "pushed", "rejected", "invalid")] == [50, 48, 1, 1]
        assert held(sandbox, vendor, samples[vendor].fields) == samples[vendor].fields


def test_each_announced_file_is_pushed(deployment: Deployment, sandbox: Sandbox, folder: Path) -> None:
    deployment.switch_on("on_new_file")
    (asset,) = deployment.airflow.request("GET", "assets?name_pattern=profile_changes")["assets"]
    keys = list(sandbox.keys("ocamba"))
    for number in (1, 2):
        wanted = {key: {"full_name": f"Announced {number}"} for key in keys[number : number + 3]}
        path = folder / f"announced-{number}.jsonl"
        changes = [{"key": key, "fields": fields} for key, fields in wanted.items()]
        path.write_text("".join(json.dumps(change) + "\n" for change in changes))
        event = {"asset_id": asset["id"], "extra": {"records": str(path)}}
        deployment.airflow.request("POST", "assets/events", event)
        run_id = deployment.first_run("on_new_file", number)[-1]
        ended = deployment.end_of("on_new_file", run_id)
        assert ended.state == "success", ended.tasks
        assert ended.report("push_ocamba")["pushed"] == 3
        assert held(sandbox, "ocamba", wanted) == wanted


def test_a_form_pushes_one_profile_and_skips_the_other_vendors(
    deployment: Deployment, sandbox: Sandbox
) -> None:
    deployment.switch_on("push_one_profile")
    user, shown = next(iter(sandbox.profiles("communifire").items()))
    otherwise = {"communifire": {"key": shown["Email"], "key_type": "Email"}}
    wanted = {
        "communifire": {user: {"Company": "Ada & Co"}},
        "ocamba": {next(iter(sandbox.keys("ocamba"))): {"full_name": "{{ Ada }}"}},
        "lightfield": {next(iter(sandbox.keys("lightfield"))): {"$name": "Ada & Co"}},
    }
    runs = {}
    for vendor, profiles in wanted.items():
        ((key, fields),) = profiles.items()
        form = {"vendor": vendor, "key": key, "fields": fields, **otherwise.get(vendor, {})}
        runs[vendor] = deployment.trigger("push_one_profile", form)
    for vendor, run_id in runs.items():
        ended = deployment.end_of("push_one_profile", run_id)
        assert ended.state == "success", ended.tasks
        assert ended.tasks[f"push_{vendor}"] == "success"
        skipped = {task for task, state in ended.tasks.items() if state == "skipped"}
        assert skipped == {f"push_{other}" for other in VENDORS if other != vendor}
        assert held(sandbox, vendor, wanted[vendor]) == wanted[vendor]
