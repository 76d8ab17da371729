"""Plan, approval in a real browser, push: what was approved is sent, and nothing else."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from include.demo.stage import databases

from airflow_profile_provider.sandbox import Sandbox

from .browsing import picture
from .conftest import Deployment, connections
from .test_dag_test import held

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = [pytest.mark.browser, pytest.mark.long]

FIELDS = {"email": "email", "full_name": "full_name", "mobile_phone_number": "phone", "comment": "comment"}


class Table:
    """The table that the DAG reads; Ocamba holds what it says, and the ledger knows it."""

    def __init__(self, path: Path, keys: list[str]) -> None:
        self.path = path
        self.keys = keys
        with closing(sqlite3.connect(path)) as connection, connection:
            connection.execute(
                "create table people (person_id integer, ocamba_id text, email, full_name, phone, comment)"
            )
            rows = [
                (n, key, f"person{n}@example.com", f"Person {n}", f"+358555{n:06d}", "Customer since 2021")
                for n, key in enumerate(keys)
            ]
            connection.executemany("insert into people values (?, ?, ?, ?, ?, ?)", rows)

    def change(self, column: str, number: int) -> None:
        """Give the first people another value."""
        with closing(sqlite3.connect(self.path)) as connection, connection:
            connection.execute(
                f"update people set {column} = 'New ' || person_id where person_id < ?", [number]
            )

    def wanted(self) -> dict[str, dict[str, Any]]:
        """What Ocamba is to hold, by key."""
        with closing(sqlite3.connect(self.path)) as connection:
            connection.row_factory = sqlite3.Row
            rows = list(connection.execute("select * from people"))
        return {row["ocamba_id"]: {name: row[column] for name, column in FIELDS.items()} for row in rows}


@pytest.fixture
def table(sandbox: Sandbox, people_database: Path, monkeypatch: pytest.MonkeyPatch) -> Table:
    from airflow_profile_provider.hooks.ocamba import OcambaHook

    table = Table(people_database, list(sandbox.keys("ocamba")))
    files = databases(people_database, people_database.with_name("ledger.db"))
    for name, connection in {**connections(sandbox), **files}.items():
        monkeypatch.setenv(f"AIRFLOW_CONN_{name.upper()}", json.dumps(connection))
    source: dict[str, Any] = {"sql": "select * from people", "sql_conn_id": "warehouse"}
    source |= {"key": "ocamba_id", "fields": FIELDS, "ledger_conn_id": "profile_ledger"}
    OcambaHook().push(**source)
    sandbox.forget_requests("ocamba")
    return table


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1280, "height": 1000}, locale="en-US")
    context.set_default_timeout(30_000)
    yield context.new_page()
    context.close()


def asked(deployment: Deployment, page: Page) -> str:
    """Start a run, and open the action that it requires of somebody; return the run's id."""
    deployment.switch_on("approve_changes")
    run_id = deployment.trigger("approve_changes")
    deployment.wait_for_question("approve_changes", run_id)
    run = f"{deployment.airflow.url}/dags/approve_changes/runs/{run_id}"
    page.goto(f"{run}/tasks/approve/required_actions")
    page.get_by_role("button", name="Approve").wait_for()
    return run_id


def rows_shown(page: Page) -> dict[str, str]:
    """The tables of the plan, as the page shows them."""
    rows = page.locator("table tbody tr").all()
    cells = [row.locator("td").all_inner_texts() for row in rows]
    return {row[0].strip(): row[1].strip() for row in cells if len(row) == 2}


def say_yes(page: Page) -> None:
    with page.expect_response(re.compile(r"/hitlDetails")) as answer:
        page.get_by_role("button", name="Approve").click()
    assert answer.value.ok


def test_what_was_approved_in_the_browser_is_sent(
    deployment: Deployment, sandbox: Sandbox, table: Table, page: Page
) -> None:
    table.change("phone", 9)
    table.change("full_name", 4)
    run_id = asked(deployment, page)
    page.get_by_text(f"9 of {len(table.keys)} records").wait_for()
    assert rows_shown(page) == {
        "changed": "9",
        "unchanged": str(len(table.keys) - 9),
        "mobile_phone_number": "9",
        "full_name": "4",
    }
    assert "New 1" not in page.content()  # values are not shown
    assert sandbox.requests("ocamba")["total"] == 0
    file = page.locator("code").filter(has_text="/plans/")
    file.evaluate("it => it.textContent = it.textContent.replace(/.*(?=.plans)/, '/var/lib/profiles')")
    picture(page, "approve-changes")
    say_yes(page)
    ended = deployment.end_of("approve_changes", run_id)
    assert ended.state == "success", ended.tasks
    report = ended.report("push")
    assert (report["pushed"], report["unchanged"], report["requests"]) == (9, len(table.keys) - 9, 9)
    assert sandbox.requests("ocamba")["total"] == 9
    assert held(sandbox, "ocamba", table.wanted()) == table.wanted()


def test_what_changed_after_the_plan_is_not_sent(
    deployment: Deployment, sandbox: Sandbox, table: Table, page: Page
) -> None:
    before = sandbox.profiles("ocamba")
    table.change("phone", 5)
    run_id = asked(deployment, page)
    table.change("phone", 7)
    say_yes(page)
    ended = deployment.end_of("approve_changes", run_id)
    assert (ended.state, ended.tasks["push"]) == ("failed", "failed")
    report = ended.report("push")
    assert (report["unsent"], report["requests"], report["complete"]) == (7, 0, False)
    assert sandbox.requests("ocamba")["total"] == 0
    assert sandbox.profiles("ocamba") == before
    task = f"dags/approve_changes/dagRuns/{run_id}/taskInstances/push"
    log = json.dumps(deployment.airflow.request("GET", f"{task}/logs/1?full_content=true"))
    words = "what would be sent is no longer what was approved: 5 changes were, and now it is 7"
    assert words in log


def test_nobody_is_asked_to_approve_nothing(deployment: Deployment, sandbox: Sandbox, table: Table) -> None:
    deployment.switch_on("approve_changes")
    ended = deployment.end_of("approve_changes", deployment.trigger("approve_changes"))
    assert ended.state == "success"
    assert (ended.tasks["approve"], ended.tasks["push"]) == ("skipped", "skipped")
    assert ended.report("plan")["unchanged"] == len(table.keys)
    assert sandbox.requests("ocamba")["total"] == 0
