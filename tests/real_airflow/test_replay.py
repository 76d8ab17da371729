"""The example DAG that pushes rejects again, and the DAG that ``airflow profiles init`` writes."""

from __future__ import annotations

import argparse
import csv
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from own_airflow import ROOT

from airflow_profile_provider.sandbox import Sandbox

from .conftest import TestDag, connections

REPLAY = ROOT / "dags" / "replay_rejects.py"


def rejects(path: Path, key_type: str, changes: Mapping[str, Mapping[str, Any]]) -> Path:
    """Write changes as a push writes them that got no answer."""
    lines = [
        {"key": key, "key_type": key_type, "fields": fields, "version": None}
        | {"verdict": "failed", "reason": "no answer", "position": position}
        for position, (key, fields) in enumerate(changes.items(), 1)
    ]
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    return path


@pytest.mark.long
def test_rejects_are_pushed_again_by_the_vendors_task_alone(
    test_dag: TestDag, sandbox: Sandbox, tmp_path: Path
) -> None:
    key, other, *_ = sandbox.profiles("ocamba")
    rejects(tmp_path / "a.jsonl", "id", {key: {"comment": "old"}, other: {"comment": "new"}})
    rejects(tmp_path / "b.jsonl", "id", {key: {"comment": "new"}})
    form = {"conn_id": "ocamba_default", "rejects": f"{tmp_path}/*.jsonl", "ledger_conn_id": "profile_ledger"}
    ended = test_dag(REPLAY, run_conf=form)
    assert {name for name, state in ended.tasks.items() if state == "success"} == {"choose", "replay_ocamba"}
    report = ended.report("replay_ocamba")
    assert (report["received"], report["pushed"] + report["superseded"]) == (3, 3)
    assert {sandbox.profile("ocamba", one)["comment"] for one in (key, other)} == {"new"}
    again = test_dag(REPLAY, run_conf=form).report("replay_ocamba")
    assert again["unchanged"] >= 1  # the ledger was told


@pytest.mark.long
def test_what_fails_again_turns_the_task_red_unless_the_form_allows_it(
    test_dag: TestDag, sandbox: Sandbox, tmp_path: Path
) -> None:
    key, *_ = sandbox.profiles("ocamba")
    changes = {key: {"comment": "x"}, "17000000000000000000": {"comment": "y"}}
    form = {"conn_id": "ocamba_default", "rejects": str(rejects(tmp_path / "r.jsonl", "id", changes))}
    red = test_dag(REPLAY, run_conf=form)
    assert (red.state, red.report("replay_ocamba")["rejected"]) == ("failed", 1)
    assert len(Path(red.report("replay_ocamba")["rejects"]).read_text().splitlines()) == 1
    assert test_dag(REPLAY, run_conf={**form, "max_failed": "1"}).state == "success"


@pytest.mark.long
def test_a_connection_of_another_type_is_the_chosen_vendors(
    test_dag: TestDag, sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = {**connections(sandbox)["communifire_default"], "conn_type": "http"}
    monkeypatch.setenv("AIRFLOW_CONN_INTRANET", json.dumps(plain))
    key, *_ = sandbox.profiles("communifire")
    path = rejects(tmp_path / "r.jsonl", "UserID", {key: {"Company": "New"}})
    form = {"conn_id": "intranet", "rejects": str(path)}
    assert test_dag(REPLAY, run_conf=form).tasks["choose"] == "failed"
    assert test_dag(REPLAY, run_conf={**form, "vendor": "communifire"}).state == "success"
    assert sandbox.profile("communifire", key)["Company"] == "New"


@pytest.mark.long
def test_the_dag_that_init_writes_runs(
    test_dag: TestDag, sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow.cli.cli_parser import _add_command  # as Airflow's own parser does it, from 3.2 on

    from airflow_profile_provider.cli import get_profiles_cli_commands

    wanted = {key: f"Person {n}" for n, key in enumerate(sandbox.profiles("ocamba"))}
    with (tmp_path / "people.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("Profile ID", "Full Name"), *wanted.items()])
    for name, connection in connections(sandbox).items():
        monkeypatch.setenv(f"AIRFLOW_CONN_{name.upper()}", json.dumps(connection))
    bundle = {
        "name": "examples",
        "classpath": "airflow.dag_processing.bundles.local.LocalDagBundle",
        "kwargs": {"path": str(tmp_path / "dags")},
    }
    monkeypatch.setenv("AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST", json.dumps([bundle]))
    words = ["profiles", "init", "--conn-id", "ocamba_default", "--output", f"{tmp_path}/dags/"]
    parser = argparse.ArgumentParser()
    for command in get_profiles_cli_commands():
        _add_command(parser.add_subparsers(), command)
    args = parser.parse_args([*words, "--records", str(tmp_path / "people.csv")])
    args.func(args)
    ended = test_dag(tmp_path / "dags" / "people_to_ocamba.py")
    assert (ended.state, ended.report("push")["pushed"]) == ("success", len(wanted))
    assert {key: fields["full_name"] for key, fields in sandbox.profiles("ocamba").items()} == wanted
