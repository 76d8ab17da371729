"""An API server with users, over a database in which some pushes have left what they leave."""

from __future__ import annotations

import json
import os
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import quote, urlencode
from urllib.request import ProxyHandler, Request, build_opener

import pytest
from include.demo.stage import databases
from include.local_airflow import LocalAirflow
from own_airflow import HOME

from airflow_profile_provider.sandbox import Sandbox
from real_airflow.conftest import TEST_DAGS, Ended, another, connections, run_dag

USERS = {"ann": "admin", "olga": "op", "uma": "user", "vic": "viewer", "nora": "viewer", "newt": "viewer"}
"""Who there is, and their roles; nora may not read the DAG of these pushes, and newt none at all."""
STRANGER = "17430755068736109999"
"""A key that the vendor does not know."""
ODD = "<b>odd</b> **key**"
"""A key that no vendor makes; it must stay text."""


@dataclass(frozen=True)
class Seen:
    """A served page, and what it is to show."""

    airflow: LocalAirflow
    base: str
    """The path under which this Airflow is reached."""
    ended: Ended
    run_id: str
    keys: dict[str, list[str]]
    ledger: Path

    @property
    def url(self) -> str:
        """The address of the UI."""
        return f"{self.airflow.url}{self.base}"

    def token(self, user: str) -> str:
        """A token of a user, as the login page gets one."""
        body = json.dumps({"username": user, "password": f"{user}-password"}).encode()
        request = Request(
            f"{self.url}/auth/token", data=body, headers={"Content-Type": "application/json"}, method="POST"
        )
        with build_opener(ProxyHandler({})).open(request, timeout=60) as answer:
            return str(json.loads(answer.read())["access_token"])

    def ask(self, path: str, user: str | None = "ann", method: str = "GET", **query: Any) -> tuple[int, Any]:
        """Ask the page's API as a user; return status and JSON."""
        headers = {"Authorization": f"Bearer {self.token(user)}"} if user else {}
        address = f"{self.url}/profiles/api/{path}" + (f"?{urlencode(query, doseq=True)}" if query else "")
        try:
            request = Request(address, headers=headers, method=method)
            with build_opener(ProxyHandler({})).open(request, timeout=60) as answer:
                return answer.status, json.loads(answer.read())
        except HTTPError as error:
            return error.code, error.read().decode()

    def push(self, task_id: str, map_index: int = -1) -> str:
        """The address of a push in the page's API."""
        return f"pushes/seen_pushes/{quote(self.run_id)}/{task_id}/{map_index}"


def _lines(path: Path, changes: dict[str, dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{json.dumps({'key': k, 'fields': f})}\n" for k, f in changes.items()))


def _outbox(file: Path) -> Path:
    """An outbox, as the documentation has it, that owes two changes."""
    with closing(sqlite3.connect(file)) as database, database:
        database.execute(
            "create table profile_outbox (id integer primary key autoincrement, key text, fields text, "
            "created text default current_timestamp, delivered text)"
        )
        rows = [("1", "yes"), ("2", None), ("3", None)]
        database.executemany("insert into profile_outbox (key, fields, delivered) values (?, '{}', ?)", rows)
    return file


@pytest.fixture(scope="session")
def pushed(
    bundles: LocalAirflow, running_sandbox: Sandbox, folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Ended, dict[str, Any]]:
    """Pushes that ended in several ways; and the environment in which they ran."""
    running_sandbox.reset()
    keys = {
        vendor: list(running_sandbox.profiles(vendor)) for vendor in ("ocamba", "lightfield", "communifire")
    }
    seen = folder / "seen"
    strange = {STRANGER: {"comment": "x"}, ODD: {"comment": "x"}}
    _lines(seen / "ocamba.jsonl", {key: {"comment": "new"} for key in keys["ocamba"][:5]} | strange)
    _lines(seen / "lightfield.jsonl", {key: {"$name": "Ada"} for key in keys["lightfield"][:4]})
    for part in range(2):
        _lines(
            seen / f"communifire-{part}.jsonl",
            {key: {"Phone": "+49 30 1"} for key in keys["communifire"][part : part + 1]},
        )
    place = tmp_path_factory.mktemp("ledger")
    stores = databases(place / "people.db", place / "ledger.db")
    stores["profiles_app"] = {"conn_type": "sqlite", "host": str(_outbox(place / "app.db"))}
    given = {**connections(running_sandbox), **stores}
    variables = {f"AIRFLOW_CONN_{name.upper()}": json.dumps(connection) for name, connection in given.items()}
    variables["AIRFLOW_VAR_PROFILES_FOLDER"] = str(folder)
    with pytest.MonkeyPatch.context() as patched:
        for name, value in variables.items():
            patched.setenv(name, value)
        ended = run_dag(bundles, TEST_DAGS / "seen_pushes.py")
    return ended, {"variables": variables, "keys": keys, "ledger": place / "ledger.db"}


@pytest.fixture(scope="session")
def seen(migrated: LocalAirflow, pushed: tuple[Ended, dict[str, Any]]) -> Iterator[Seen]:
    """The API server of an Airflow with users, below a path."""
    ended, world = pushed
    home = HOME / "page"
    home.mkdir(parents=True, exist_ok=True)
    passwords = home / "passwords.json"
    passwords.write_text(json.dumps({user: f"{user}-password" for user in USERS}))
    airflow = another(migrated, home)
    users = ",".join(f"{user}:{role}" for user, role in USERS.items())
    base = "/team/airflow"
    airflow.more |= world["variables"] | {
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "False",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": users,
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(passwords),
        "AIRFLOW__CORE__AUTH_MANAGER": "real_airflow.page.choosy.ChoosyAuthManager",
        "PYTHONPATH": os.pathsep.join(sys.path),
        # Whether or not this environment was made before the package had an entry point for plugins.
        "AIRFLOW__CORE__LAZY_DISCOVER_PROVIDERS": "False",
        "AIRFLOW__API__BASE_URL": f"{airflow.url}{base}",
    }
    with airflow:
        airflow.start("api-server")
        yield Seen(airflow, base, ended, ended.run_id, world["keys"], world["ledger"])
