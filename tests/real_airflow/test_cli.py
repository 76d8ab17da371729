"""``airflow profiles`` as people run it: a process of its own, connections made in Airflow, not around it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from include.local_airflow import LocalAirflow
from own_airflow import AIRFLOW_VERSION, ROOT

from airflow_profile_provider.sandbox import Sandbox

from .conftest import another

CANARY = "canary5e1f"
MODULE = [sys.executable, "-m", "airflow_profile_provider.cli"]


def command_of(airflow: LocalAirflow, *words: str) -> list[str]:
    """The command line; Airflow 3.1 takes no commands of providers, so there ours has a module."""
    if words[0] == "profiles" and AIRFLOW_VERSION < (3, 2):
        return [*MODULE, *words[1:]]
    return airflow.command(*words)


def said(airflow: LocalAirflow, *words: str, status: int = 0) -> str:
    """Run a command, and return what it printed, errors included."""
    done = subprocess.run(
        command_of(airflow, *words),
        env=airflow.environment(),
        cwd=airflow.home,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout + ("" if status == 0 else done.stderr)


@pytest.fixture
def stored(migrated: LocalAirflow, sandbox: Sandbox, tmp_path: Path) -> LocalAirflow:
    """Connections of a vendor and of a ledger, in Airflow's database alone."""
    own = another(migrated, tmp_path / "home")
    vendor = sandbox.connections()["ocamba_default"] | {"extra": {"quota": "none"}}
    ledger = {"conn_type": "sqlite", "host": str(tmp_path / "ledger.db")}
    for name, connection in {"in_the_ui": vendor, "ledger_in_the_ui": ledger}.items():
        said(own, "connections", "add", name, "--conn-json", json.dumps(connection))
    return own


@pytest.mark.long
def test_it_works_with_connections_of_airflows_database(
    stored: LocalAirflow, sandbox: Sandbox, tmp_path: Path
) -> None:
    secret = str(sandbox.connections()["ocamba_default"]["password"])
    key = next(iter(sandbox.profiles("ocamba")))
    source = tmp_path / "people.jsonl"
    source.write_text(json.dumps({"id": key, "comment": CANARY}) + "\n")
    options = ("--conn-id", "in_the_ui", "--records", str(source), "--key", "id", "--fields", "comment")
    ledger = ("--ledger-conn-id", "ledger_in_the_ui")

    told = json.loads(said(stored, "profiles", "explain", key, *options, *ledger, "--output", "json"))
    assert (told["rows"][0]["why"], told["ledger"]["known"], told["sent"]) == ("new", False, False)
    assert not (tmp_path / "ledger.db").exists()

    sent = said(stored, "profiles", "explain", key, *options, *ledger, "--send")
    assert "What the push makes of it: pushed" in sent
    assert CANARY in sent
    assert secret not in sent + json.dumps(told)
    again = said(stored, "profiles", "explain", key, *options, *ledger, "--redact", "--verbose")
    assert "unchanged" in again
    assert CANARY not in again
    assert secret not in again

    status = json.loads(said(stored, "profiles", "ledger", "status", *ledger, "--output", "json"))
    assert [(row["target"], row["entries"]) for row in status] == [("ocamba:in_the_ui", 1)]
    assert "1 forgotten" in said(stored, "profiles", "ledger", "forget", "--all", "--yes", *ledger)
    assert "isn't defined" in said(
        stored, "profiles", "ledger", "status", "--ledger-conn-id", "nowhere", status=1
    )


def test_it_works_without_a_database(tmp_path: Path, sandbox: Sandbox) -> None:
    """What the environment and the secrets backends hold is found where there is no Airflow to ask."""
    connection = json.dumps(sandbox.connections()["ocamba_default"])
    bare = LocalAirflow(tmp_path / "home", ROOT / "dags", more={"AIRFLOW_CONN_OCAMBA_DEFAULT": connection})
    source = tmp_path / "people.jsonl"
    source.write_text('{"key": "1", "fields": {"comment": "x"}}\n')
    options = ("--conn-id", "ocamba_default", "--records", str(source))
    bare.settings()
    assert "would be sent" in said(bare, "profiles", "explain", "1", *options)


def test_help_names_the_commands_without_a_warning(migrated: LocalAirflow) -> None:
    done = subprocess.run(
        command_of(migrated, "profiles", "ledger", "--help"),
        env=migrated.environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    for name in ("status", "rejected", "release", "forget"):
        assert name in done.stdout
    assert "airflow_profile_provider" not in done.stdout + done.stderr
    shown = said(migrated, "profiles", "explain", "--help")
    assert "Profile values are shown" in " ".join(shown.split())


@pytest.mark.long
def test_the_module_has_the_same_commands(migrated: LocalAirflow) -> None:
    for words in ([], ["ledger", "status"]):
        done = subprocess.run(
            [*MODULE, *words, "--help"],
            env=migrated.environment(),
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout == said(migrated, "profiles", *words, "--help")
