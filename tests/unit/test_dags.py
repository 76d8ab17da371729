"""The example DAGs, and what it costs to import an operator."""

from __future__ import annotations

import ast
import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.sdk import DAG
from own_airflow import AIRFLOW, ROOT

from airflow_profile_provider.hooks.ocamba import OcambaHook
from airflow_profile_provider.operators.outcome import allowed_failures, problem_of
from airflow_profile_provider.sandbox import serve

HAS_RESPONSE_TIMEOUT = "response_timeout" in HITLOperator.__init__.__annotations__
DAG_FILES = sorted(
    file
    for file in (ROOT / "dags").glob("*.py")
    if file.stem not in {"approve_changes", "weekly_audit"} or HAS_RESPONSE_TIMEOUT
)
VENDORS = ["sonoran", "communifire", "agilenow", "lightfield", "ocamba"]

PARSE = """
import json, sys, warnings
warnings.simplefilter("error", DeprecationWarning)
warnings.filterwarnings("ignore", module="opentelemetry")  # an old Airflow's own
from airflow.sdk.definitions.dag import DAG
import importlib.util
made = []
remember = DAG.__attrs_post_init__
def note(dag):
    remember(dag)
    made.append(dag)
DAG.__attrs_post_init__ = note
for path in sys.argv[1:]:
    spec = importlib.util.spec_from_file_location("a_dag", path)
    spec.loader.exec_module(importlib.util.module_from_spec(spec))
print(json.dumps({dag.dag_id: sorted(dag.task_dict) for dag in made}))
"""

COST = """
import gc, sys, time
import airflow.sdk
gc.disable()
begun = time.process_time()
import airflow.providers.http.hooks.http
theirs = time.process_time() - begun
before = set(sys.modules)
begun = time.process_time()
import {module}
ours = time.process_time() - begun
tops = {{name.partition(".")[0] for name in set(sys.modules) - before}}
print(ours / theirs, *sorted(tops - set(sys.stdlib_module_names) - {{"airflow_profile_provider"}}))
"""

FIRST_TASK = """
import sys
from airflow.sdk import DAG
from airflow_profile_provider.operators.ocamba import OcambaPushProfilesOperator
with DAG("d"):
    OcambaPushProfilesOperator(task_id="t", records="people.csv", key="id", fields={"email": "email"})
print(*(name.removeprefix("airflow_profile_provider.") for name in sys.modules))
"""


def run(code: str, *arguments: str, env: dict[str, str] | None = None) -> str:
    """Run code in a Python of its own and return its last line."""
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env=env or AIRFLOW.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-1]


@pytest.fixture(scope="module")
def parsed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Every DAG, parsed with no connection, no variable and no database."""
    home = tmp_path_factory.mktemp("no-airflow")
    env = {
        **AIRFLOW.environment(),
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/none.db",
    }
    found = dict(json.loads(run(PARSE, *map(str, DAG_FILES), env=env)))
    assert not (home / "none.db").exists()
    return found


def test_every_dag_parses_with_no_connection_and_no_database(parsed: dict[str, Any]) -> None:
    assert sorted(parsed) == sorted(file.stem for file in DAG_FILES)


def test_the_examples_cover_the_five_vendors(parsed: dict[str, Any]) -> None:
    for vendor in VENDORS:
        assert parsed[f"push_{vendor}"] == [f"push_{vendor}"]
        assert f"push_{vendor}" in parsed["nightly_chain"]
        assert f"push_{vendor}" in parsed["push_one_profile"]


@pytest.mark.skipif(not HAS_RESPONSE_TIMEOUT, reason="needs apache-airflow-providers-standard 1.12.2")
def test_an_approval_stands_between_plan_and_push(parsed: dict[str, Any]) -> None:
    assert parsed["approve_changes"] == ["anything_to_send", "approve", "plan", "push"]
    assert parsed["weekly_audit"] == ["anything_to_repair", "approve", "audit", "repair"]


def test_all_vendors_can_be_audited(parsed: dict[str, Any]) -> None:
    assert parsed["audit_all"] == sorted(f"audit_{vendor}" for vendor in VENDORS)


@pytest.mark.parametrize("file", DAG_FILES, ids=lambda file: file.stem)
def test_an_example_is_tagged_for_the_docs_and_stands_alone(file: Path) -> None:
    text = file.read_text()
    assert f"# [START {file.stem}]" in text
    assert f"# [END {file.stem}]" in text
    imported = [
        name
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in (
            [node.module] if isinstance(node, ast.ImportFrom) else [each.name for each in node.names]
        )
    ]
    assert not [name for name in imported if name and name.startswith("include")]


@pytest.mark.parametrize("vendor", VENDORS)
def test_importing_an_operator_adds_no_module_and_a_fraction_of_the_http_hooks_time(vendor: str) -> None:
    share, *modules = run(COST.format(module=f"airflow_profile_provider.operators.{vendor}")).split()
    assert not modules, "new third-party modules"
    assert float(share) < 0.3


@pytest.mark.parametrize("unneeded", ["reports", "checkpoint", "fields.made", "fields.fixed", "hooks.base"])
def test_making_a_task_of_plain_columns_imports_only_what_its_check_needs(
    unneeded: str, known_by_a_first_task: list[str]
) -> None:
    assert "mapping.mapper" in known_by_a_first_task
    assert unneeded not in known_by_a_first_task


@pytest.fixture(scope="module")
def known_by_a_first_task() -> list[str]:
    """The modules that are there once a DAG file has made its first push."""
    return run(FIRST_TASK).split()


@pytest.fixture
def dags_importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "dags"))


@pytest.mark.usefixtures("dags_importable")
def test_the_fan_out_stays_green_on_the_demos_table_on_quiet_nights_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Case 21e: with a ledger, the bad records are all that a quiet night sends."""
    from include.demo import source

    people, companies = source.make_people(160), source.make_companies(300)
    spec = importlib.util.spec_from_file_location("fan_out", ROOT / "dags" / "fan_out.py")
    assert spec and spec.loader
    fan_out = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(fan_out)
    kept = ("sql", "sql_conn_id", "key", "fields", "ledger_conn_id", "concurrency")
    given = {name: fan_out.push.partial_kwargs[name] for name in kept}
    allowed = allowed_failures(fan_out.push.partial_kwargs["max_failed"])
    with serve(profiles=0, quota=False) as sandbox:
        source.load_sandbox(sandbox, people, companies)
        source.spoil(people, companies)
        source.write_database(tmp_path / "people.db", people, companies)
        for name, connection in {
            **sandbox.connections(),
            "warehouse": {"conn_type": "sqlite", "host": str(tmp_path / "people.db")},
            "profile_ledger": {"conn_type": "sqlite", "host": str(tmp_path / "ledger.db")},
        }.items():
            monkeypatch.setenv(f"AIRFLOW_CONN_{name.upper()}", json.dumps(connection))
        nights = [
            [
                OcambaHook().push(**given, partition=(share, fan_out.SHARES), quota="none")
                for share in range(fan_out.SHARES)
            ]
            for _ in range(2)
        ]
    for night in nights:
        assert (sum(one.invalid for one in night), sum(one.rejected for one in night)) == (1, 1)
        assert [problem_of(one, allowed) for one in night] == [""] * fan_out.SHARES
    assert sum(one.unchanged for one in nights[1]) == len(people) - 2


@pytest.fixture
def profiles_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the example DAGs, and a ledger."""
    ledger = {"conn_type": "sqlite", "host": str(tmp_path / "ledger.db")}
    monkeypatch.setenv("AIRFLOW_CONN_PROFILE_LEDGER", json.dumps(ledger))
    monkeypatch.setenv("AIRFLOW_VAR_PROFILES_FOLDER", str(tmp_path))
    return tmp_path


def run_example(name: str, folder: Path, sandbox: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Run the only task of an example DAG; return its report."""
    connection = json.dumps(sandbox.connections()["ocamba_default"])
    monkeypatch.setenv("AIRFLOW_CONN_OCAMBA_DEFAULT", connection)
    made: list[DAG] = []
    with monkeypatch.context() as patched:
        remember = DAG.__attrs_post_init__
        patched.setattr(DAG, "__attrs_post_init__", lambda dag: (remember(dag), made.append(dag))[0])
        spec = importlib.util.spec_from_file_location(name, ROOT / "dags" / f"{name}.py")
        assert spec and spec.loader
        spec.loader.exec_module(importlib.util.module_from_spec(spec))
    (push,) = made[0].tasks
    push.quota = "none"
    push.render_template_fields({"var": {"value": {"profiles_folder": str(folder)}}})
    return push.execute({})


def test_the_part_files_are_pushed_once(profiles_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    with serve(profiles=20, quota=False) as sandbox:
        keys = list(sandbox.keys("ocamba"))
        (profiles_folder / "people").mkdir()
        (profiles_folder / "people" / "_SUCCESS").touch()
        for part in range(4):
            rows = [
                {"profile_id": key, "email": f"{key}@example.com", "name": f"Name {key}"}
                for key in keys[5 * part : 5 * part + 5]
            ]
            pq.write_table(pa.Table.from_pylist(rows), profiles_folder / "people" / f"part-{part}.parquet")
        nights = [run_example("push_part_files", profiles_folder, sandbox, monkeypatch) for _ in range(2)]
    assert [(night["pushed"], night["unchanged"]) for night in nights] == [(20, 0), (0, 20)]


def test_a_data_frame_is_pushed(profiles_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pandas")
    with serve(profiles=3, quota=False) as sandbox:
        first, second, _ = sandbox.keys("ocamba")
        (profiles_folder / "people.csv").write_text(
            "profile_id,email,tags,newsletter\n"
            f"{first},ada@example.com,vip|new,weekly\n{second},bea@example.com,,never\n"
        )
        report = run_example("push_data_frame", profiles_folder, sandbox, monkeypatch)
        held = sandbox.profile("ocamba", first)
    assert (report["received"], report["pushed"]) == (1, 1)
    assert (held["email"], held["lists"]) == ("ada@example.com", ["vip", "new"])
