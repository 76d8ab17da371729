"""Sets the demo's stage: a sandbox process, an Airflow home with its connections, the input, the quotas."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

from include.demo import source
from include.local_airflow import LocalAirflow, clean_environment, free_port

from airflow_profile_provider.sandbox import Sandbox

ROOT = Path(__file__).resolve().parents[3]
DEMO = ROOT / ".demo"
PEOPLE_DATABASE = DEMO / "people.db"
NIGHTS = DEMO / "nights"
LEDGER = DEMO / "airflow" / "profile_ledger.db"
PEOPLE, STRANGERS, COMPANIES = 300, 100, 300  # of the strangers, nothing is in our table
SPEED = int(os.environ.get("SPEED", "50"))
"""The demo's sandbox allows so many times the published quotas, so that nobody waits; SPEED=1 keeps them."""

# The sandbox's names of the limits that the pushes meet.
_LIMITS = {"sonoran": ("v1",), "lightfield": ("write", "read", "search"), "ocamba": ("C",)}


def published_quota(vendor: str) -> list[tuple[int, float]]:
    """The limits that a vendor publishes; none where it publishes none."""
    from airflow_profile_provider.get_provider_info import get_provider_info

    entry = next(
        each for each in get_provider_info()["connection-types"] if each["connection-type"] == vendor
    )
    module, _, name = entry["hook-class-name"].rpartition(".")
    facts = getattr(import_module(module), name).vendor_class
    return [(rate.limit, rate.seconds) for rate in facts.quota] if facts.quota_published else []


def quota_text(quota: list[tuple[int, float]]) -> str:
    """A quota as a connection takes it."""
    return ", ".join(f"{limit}/{seconds:g}s" for limit, seconds in quota) or "none"


def faster(quota: list[tuple[int, float]]) -> list[tuple[int, float]]:
    """The demo's limits: the published ones, times SPEED."""
    return [(limit * SPEED, seconds) for limit, seconds in quota]


@contextmanager
def running_sandbox() -> Iterator[Sandbox]:
    """Run a new sandbox in a process of its own; what an earlier one acknowledged is forgotten."""
    for file in LEDGER.parent.glob(f"*{LEDGER.name}*"):
        file.unlink()
    port = free_port()
    command = [
        sys.executable,
        "-m",
        "airflow_profile_provider.sandbox",
        "--port",
        str(port),
        "--profiles",
        "0",
    ]
    # A session of its own: Ctrl-C is for us, and we stop the sandbox last.
    with subprocess.Popen(
        command, cwd=ROOT, env=clean_environment(), stdin=subprocess.DEVNULL, start_new_session=True
    ) as server:
        try:
            sandbox = Sandbox("127.0.0.1", port)
            _wait_for(sandbox, server)
            yield sandbox
        finally:
            server.terminate()


def _wait_for(sandbox: Sandbox, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            sandbox.control("GET", "health")
        except OSError:
            if server.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("the sandbox did not start") from None
            time.sleep(0.1)
        else:
            return


def set_quotas(sandbox: Sandbox) -> None:
    """Let the sandbox allow what the demo's connections ask for."""
    for vendor, names in _LIMITS.items():
        sandbox.settings(vendor, quota=dict.fromkeys(names, faster(published_quota(vendor))))


def connections(sandbox: Sandbox) -> dict[str, dict[str, Any]]:
    """The five default connections, with the demo's quotas, and the two databases."""
    found = sandbox.connections()
    for connection in found.values():
        quota = faster(published_quota(connection["conn_type"]))
        connection["extra"] = {"quota": quota_text(quota), "concurrency": 8}
    return {**found, **databases(PEOPLE_DATABASE, LEDGER)}


def databases(source: Path, ledger: Path) -> dict[str, dict[str, Any]]:
    """The connections that the examples read from, and keep their ledger in."""
    nightly = ledger.with_name(f"nightly_{ledger.name}")
    files = {"warehouse": source, "profile_ledger": ledger, "nightly_ledger": nightly}
    return {name: {"conn_type": "sqlite", "host": str(file)} for name, file in files.items()}


def demo_airflow(port: int | None = None) -> LocalAirflow:
    """The demo's Airflow, or the one that runs at a port already; its home is kept for later runs."""
    variables = {"AIRFLOW_VAR_PROFILES_FOLDER": str(NIGHTS)}
    return LocalAirflow(DEMO / "airflow", ROOT / "dags", port=port, more=variables)


def write_connections(airflow: LocalAirflow, found: Mapping[str, Mapping[str, Any]]) -> Path:
    """Write connections to a file that ``airflow connections import`` takes."""
    file = airflow.home / "connections.json"
    file.touch(mode=0o600)
    file.write_text(json.dumps({name: dict(connection) for name, connection in found.items()}))
    return file


def make_source(sandbox: Sandbox, database: Path = PEOPLE_DATABASE) -> None:
    """Write the input, and let the vendors hold everybody as they were before."""
    people, companies = source.make_people(PEOPLE + STRANGERS), source.make_companies(COMPANIES)
    source.load_sandbox(sandbox, people, companies)
    source.spoil(people, companies)
    source.write_database(database, people[:PEOPLE], companies)
