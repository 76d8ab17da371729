"""``@task.push_profiles`` in a real Airflow: arguments, mapping, failures, and what is stored of it."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from include.local_airflow import LocalAirflow
from own_airflow import AIRFLOW, ROOT

from airflow_profile_provider.sandbox import Sandbox

from .conftest import TEST_DAGS, TestDag
from .test_dag_test import held

pytestmark = pytest.mark.long


def everything_stored(airflow: LocalAirflow, *but: str) -> str:
    """All that the tables of Airflow's database hold."""
    with closing(sqlite3.connect(airflow.database)) as connection:
        found = connection.execute("select name from sqlite_master where type = 'table'").fetchall()
        tables = [name for (name,) in found if name not in but]
        return "".join(repr(connection.execute(f'select * from "{name}"').fetchall()) for name in tables)


def test_functions_are_pushed_and_leave_no_value_in_airflows_database(
    test_dag: TestDag, bundles: LocalAirflow, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = list(sandbox.keys("ocamba"))[:6]
    wanted = {key: {"comment": f"canary-of-{n}"} for n, key in enumerate(keys)}
    changes = [{"key": key, "fields": fields} for key, fields in wanted.items()]
    monkeypatch.setenv("AIRFLOW_VAR_CHANGES", json.dumps(changes))
    ended = test_dag(TEST_DAGS / "function_pushes.py")
    assert ended.tasks == {
        "changes": "success",
        "push": "success",
        "push_share": "success",
        "push_broken": "failed",
        "push_written": "success",
    }
    assert ended.report("push")["pushed"] == 3
    shares = [ended.report("push_share", index) for index in (0, 1)]
    assert [(each["pushed"], each["unchanged"], each["rejected"]) for each in shares] == [
        (1, 2, 0),
        (2, 1, 1),
    ]
    broken = ended.report("push_broken")
    assert (broken["received"], broken["unchanged"], broken["complete"]) == (2, 2, False)
    assert held(sandbox, "ocamba", wanted) == wanted
    # What the task "changes" returned is in XCom, because it returned it.
    stored = everything_stored(bundles, "xcom")
    assert "function_pushes" in stored
    assert "canary-of" not in stored
    code = everything_stored(bundles, "xcom", "dag_code")
    assert "canary-written" not in code


def test_the_example_pushes_the_contacts_of_an_export(
    test_dag: TestDag, sandbox: Sandbox, folder: Path
) -> None:
    keys = list(sandbox.keys("ocamba"))[:4]
    contacts = [
        {"id": key, "email": f"p{n}@example.com", "given_name": "Ada", "family_name": f"L{n}", "role": "CTO"}
        for n, key in enumerate(keys)
    ]
    companies = [{"name": "Acme", "contacts": contacts[:3]}, {"name": "Ajax", "contacts": contacts[3:]}]
    file = folder / f"companies-{datetime.now(UTC).date()}.jsonl"
    file.write_text("".join(json.dumps(company) + "\n" for company in companies))
    ended = test_dag(ROOT / "dags" / "push_function.py")
    assert (ended.state, ended.report("push_contacts")["pushed"]) == ("success", 4)
    assert held(sandbox, "ocamba", {keys[3]: {"comment": ""}}) == {keys[3]: {"comment": "CTO at Ajax"}}


SIXTH = """
from airflow.sdk import DAG, task
with DAG("sixth", schedule=None) as dag:
    @task.push_profiles("acme", key="number", fields=["nick"])
    def people():
        yield {"number": "1", "nick": "one"}
    people()
print(type(dag.get_task("people")).__mro__[3].__name__, dag.get_task("people").acme_conn_id)
"""


def test_another_providers_vendor_is_found_as_airflow_finds_the_provider(tmp_path: Path) -> None:
    """Installed as any other: by its entry point."""
    (tmp_path / "acme_provider.py").write_text(
        "def get_provider_info():\n"
        "    return {'package-name': 'acme-provider', 'name': 'Acme', 'description': 'Acme',\n"
        "            'connection-types': [{'connection-type': 'acme',\n"
        "                                  'hook-class-name': 'sixth_vendor.hook.AcmeHook'}],\n"
        "            'operators': [{'integration-name': 'Acme',\n"
        "                           'python-modules': ['sixth_vendor.operator']}]}\n"
    )
    info = tmp_path / "acme_provider-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-provider\nVersion: 1.0\n")
    entry = "[apache_airflow_provider]\nprovider_info = acme_provider:get_provider_info\n"
    (info / "entry_points.txt").write_text(entry)
    paths = [str(tmp_path), str(ROOT), str(ROOT / "tests")]
    done = subprocess.run(
        [sys.executable, "-c", SIXTH],
        env={**AIRFLOW.environment(), "PYTHONPATH": ":".join(paths)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "AcmePushProfilesOperator acme_default"
