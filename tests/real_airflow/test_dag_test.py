"""The operators under ``dag.test()``, through the example DAGs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from include.demo import stage
from include.demo.source import VENDORS, read_rows
from include.ui import files
from own_airflow import ROOT

from airflow_profile_provider.sandbox import Sandbox

from .conftest import TEST_DAGS, TestDag


def held(sandbox: Sandbox, vendor: str, wanted: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """What the vendor holds of the fields that are wanted."""
    found = sandbox.profiles(vendor)
    return {key: {name: found[key].get(name) for name in fields} for key, fields in wanted.items()}


@pytest.mark.parametrize("vendor", VENDORS)
def test_an_operator_pushes_a_file(vendor: str, test_dag: TestDag, sandbox: Sandbox, folder: Path) -> None:
    sample = files.write(folder, vendor, datetime.now(UTC).date(), sandbox, bad=False)
    ended = test_dag(ROOT / "dags" / f"push_{vendor}.py")
    report = ended.report(f"push_{vendor}")
    assert (ended.state, report["received"], report["pushed"]) == ("success", 50, 50)
    assert held(sandbox, vendor, sample.fields) == sample.fields


@pytest.mark.parametrize("vendor", VENDORS)
def test_a_task_that_may_fail_some_is_green_and_leaves_its_rejects(
    vendor: str, test_dag: TestDag, sandbox: Sandbox, folder: Path
) -> None:
    sample = files.write(folder, vendor, datetime.now(UTC).date(), sandbox, bad=True)
    ended = test_dag(ROOT / "dags" / f"push_{vendor}.py")
    report = ended.report(f"push_{vendor}")
    assert ended.state == "success"
    assert {name: report[name] for name in ("received", "pushed", "rejected", "invalid", "failed")} == {
        "received": 50,
        "pushed": 48,
        "rejected": 1,
        "invalid": 1,
        "failed": 0,
    }
    assert held(sandbox, vendor, sample.fields) == sample.fields
    rejects = [json.loads(line) for line in Path(report["rejects"]).read_text().splitlines()]
    assert sorted(line["verdict"] for line in rejects) == ["invalid", "rejected"]


def test_mapped_operators_push_their_share_each(
    test_dag: TestDag, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    field = {
        "sonoran": "2a8b0e4d-7f3c-4c90-9d5e-6f708b9cad12",
        "communifire": "Company",
        "agilenow": "FirstName",
        "lightfield": "$name",
        "ocamba": "full_name",
    }
    wanted = {
        vendor: {
            key: {field[vendor]: f"Mapped {{{{ {n} }}}}"}
            for n, key in enumerate(list(sandbox.keys(vendor))[:3])
        }
        for vendor in VENDORS
    }
    changes = {
        vendor: [{"key": key, "fields": fields} for key, fields in profiles.items()]
        for vendor, profiles in wanted.items()
    }
    monkeypatch.setenv("AIRFLOW_VAR_CHANGES", json.dumps(changes))
    ended = test_dag(TEST_DAGS / "mapped_pushes.py")
    assert ended.state == "success"
    for vendor in VENDORS:
        assert [ended.report(f"push_{vendor}", index)["pushed"] for index in (0, 1)] == [1, 2]
        assert held(sandbox, vendor, wanted[vendor]) == wanted[vendor]


def test_a_red_push_ends_its_chain_and_the_run_but_neither_the_other_branch_nor_the_reports(
    test_dag: TestDag, sandbox: Sandbox, tmp_path: Path
) -> None:
    stage.make_source(sandbox, tmp_path / "people.db")
    sandbox.trash("sonoran", *list(sandbox.keys("sonoran"))[::8])
    before = sandbox.profiles("communifire")
    ended = test_dag(ROOT / "dags" / "nightly_chain.py")
    assert ended.state == "failed"
    assert ended.tasks == {
        "push_sonoran": "failed",
        "push_communifire": "upstream_failed",
        "push_agilenow": "upstream_failed",
        "push_ocamba": "upstream_failed",
        "push_lightfield": "success",
        "print_reports": "success",
    }
    assert ended.report("push_sonoran")["rejected"] > 15
    assert sandbox.profiles("communifire") == before


def test_a_query_in_a_file_takes_its_parameter_from_the_form(
    test_dag: TestDag, sandbox: Sandbox, tmp_path: Path
) -> None:
    stage.make_source(sandbox, tmp_path / "people.db")
    wanted = {
        row["ocamba_id"] for row in read_rows(tmp_path / "people.db", "people") if row["language"] == "es-ES"
    }
    ended = test_dag(ROOT / "dags" / "push_sql_file.py", run_conf={"language": "es-ES"})
    report = ended.report("push_ocamba")
    assert ended.state == "success"
    assert report["received"] == len(wanted) > 0
