"""The five connection forms and the examples in Airflow's own UI, in a real browser.

With UPDATE_SCREENSHOTS=1 in the environment the pictures of the docs are taken anew.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from airflow_profile_provider.get_provider_info import get_provider_info
from airflow_profile_provider.sandbox import Sandbox

from .browsing import picture
from .conftest import Deployment

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

pytestmark = [pytest.mark.browser, pytest.mark.long]

ENTRIES = {entry["connection-type"]: entry for entry in get_provider_info()["connection-types"]}
# An extra of each form that has one of its own, and what is put into it.
EXTRAS = {"agilenow": ("scope", "*"), "lightfield": ("api_version", "2026-03-01")}


@pytest.fixture
def page(browser: Browser, deployment: Deployment) -> Iterator[Page]:
    """The list of connections, in a fresh browser context."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, locale="en-US")
    context.set_default_timeout(30_000)
    page = context.new_page()
    page.goto(f"{deployment.airflow.url}/connections")
    add, home = page.get_by_role("button", name="Add Connection"), page.get_by_text("Welcome").first
    add.or_(home).first.wait_for()
    if home.is_visible():  # where Airflow 3.1 goes after the login
        page.goto(f"{deployment.airflow.url}/connections")
        add.wait_for()
    yield page
    context.close()


def standard_fields(vendor: str, sandbox: Sandbox) -> dict[str, str]:
    """What is typed into the standard fields, by their names in the form."""
    connection = sandbox.connections()[f"{vendor}_default"]
    return {
        name: str(connection[name])
        for name in ("host", "port", "login", "password")
        if connection.get(name) is not None
    }


def choose_type(dialog: Locator, page: Page, name: str) -> None:
    """Pick the connection type by the name that the form shows."""
    box = dialog.get_by_role("combobox").first
    box.click()
    box.fill(name)
    page.get_by_role("option", name=name, exact=True).click()


def test_button(page: Page, connection_id: str) -> tuple[int, dict[str, Any]]:
    """Press Test in the connection's row; return the API's status and answer."""
    row = page.get_by_role("row").filter(has_text=connection_id)
    with page.expect_response(re.compile(r"/api/v2/connections/test$")) as answer:
        row.get_by_role("button", name="Test Connection").click()
    body = answer.value.json()
    return answer.value.status, body


test_button.__test__ = False  # type: ignore[attr-defined] -- a button, not a test


@pytest.mark.parametrize("vendor", list(ENTRIES))
def test_a_form_is_filled_saved_and_tested(vendor: str, page: Page, sandbox: Sandbox) -> None:
    entry = ENTRIES[vendor]
    behaviour = entry["ui-field-behaviour"]
    connection_id = f"{vendor}_by_hand"

    page.get_by_role("button", name="Add Connection").click()
    dialog = page.get_by_role("dialog")
    dialog.locator('input[name="connection_id"]').fill(connection_id)
    choose_type(dialog, page, entry["hook-name"])

    for label in behaviour["relabeling"].values():
        dialog.get_by_text(label, exact=True).first.wait_for()
    for name in behaviour["hidden-fields"]:
        if name != "extra":
            assert dialog.locator(f'[name="{name}"]').count() == 0
    for name, value in standard_fields(vendor, sandbox).items():
        box = dialog.locator(f'[name="{name}"]')
        assert box.get_attribute("placeholder") == behaviour["placeholders"].get(
            name, box.get_attribute("placeholder")
        )
        box.fill(value)
    assert dialog.locator('[name="password"]').get_attribute("type") == "password"

    picture(page, f"connection-{vendor}")

    dialog.get_by_role("button", name="Extra Fields", exact=True).click()
    for field in entry["conn-fields"].values():
        dialog.get_by_text(field["label"], exact=True).first.wait_for()
    if vendor in EXTRAS:
        name, value = EXTRAS[vendor]
        dialog.locator(f'[name="element_{name}"]').fill(value)
    dialog.get_by_role("button", name="Save").click()
    dialog.wait_for(state="hidden")

    status, body = test_button(page, connection_id)
    assert (status, body.get("status")) == (200, True), body
    assert entry["hook-name"] in body["message"]
    page.get_by_text("Test Connection Successful").last.wait_for()
    picture(page, "connection-tested")


def test_a_wrong_secret_is_told(page: Page, deployment: Deployment, sandbox: Sandbox) -> None:
    wrong = {**sandbox.connections()["ocamba_default"], "password": "not-the-token"}
    deployment.airflow.connect({"ocamba_wrong": wrong})
    page.reload()
    status, body = test_button(page, "ocamba_wrong")
    assert (status, body["status"]) == (200, False)
    assert "401" in body["message"]
    assert "not-the-token" not in str(body)


def test_an_empty_port_fails_in_the_ui_as_documented(
    page: Page, deployment: Deployment, sandbox: Sandbox
) -> None:
    """Airflow's own bug: its UI sends port 0 for an empty port, and its server finds that it differs."""
    import airflow

    connection = sandbox.connections()["ocamba_default"]
    host = f"{connection['host']}:{connection.pop('port')}"
    deployment.airflow.connect({"ocamba_no_port": {**connection, "host": host}})
    page.reload()
    status, body = test_button(page, "ocamba_no_port")
    if airflow.__version__ == "3.3.2":
        assert status == 400
    else:
        assert (status, body["status"]) == (200, True)


def test_the_form_of_a_single_profile_offers_its_parameters(page: Page, deployment: Deployment) -> None:
    deployment.switch_on("push_one_profile")
    page.goto(f"{deployment.airflow.url}/dags/push_one_profile")
    page.get_by_role("button", name="Trigger").click()
    dialog = page.get_by_role("dialog")
    for label in ("Vendor", "Connection", "Key", "Fields"):
        dialog.get_by_text(label, exact=False).first.wait_for()
    dialog.locator('[name="element_key"]').fill("17430755068736100383")
    picture(page, "push-one-profile")


def test_the_chain_is_shown_with_all_its_tasks(page: Page, deployment: Deployment) -> None:
    deployment.switch_on("push_ocamba")  # by then, every file has been parsed
    page.set_viewport_size({"width": 1800, "height": 600})
    page.goto(f"{deployment.airflow.url}/dags/nightly_chain")
    page.get_by_role("button", name="Show Graph").click()
    for vendor in ENTRIES:
        page.locator(".react-flow__node").filter(has_text=f"push_{vendor}").first.wait_for()
    picture(page, "nightly-chain")
