"""What axe-core says of each screen: nothing that keeps somebody out, in light and in dark."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from .browsing import window
from .conftest import STRANGER, Seen

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = [pytest.mark.browser, pytest.mark.long]

OURS = "[data-profiles]"
"""What the page draws; the rest is Airflow's own."""


def _why(page: Page) -> None:
    page.get_by_role("row").filter(has_text="push_ocamba").first.get_by_role("button", name="Why").click()
    page.get_by_role("table", name="Reasons").get_by_text("Unknown profile id").wait_for()


def _records(page: Page) -> None:
    reasons = page.get_by_role("table", name="Reasons")
    reasons.get_by_role("button", name="Show").first.click()
    reasons.get_by_role("button", name="Records", exact=True).first.click()
    page.get_by_role("table", name="Records").get_by_text("rejected").first.wait_for()


def _story(page: Page) -> None:
    page.get_by_role("table", name="History of this key").get_by_text("Unknown profile id").wait_for()


def _waiting(text: str) -> Callable[[Page], None]:
    return lambda page: page.get_by_text(text).first.wait_for()


def _form(page: Page) -> None:
    page.get_by_role("button", name="Push again").click()
    page.get_by_role("dialog").get_by_role("button", name="Open the form").wait_for()


SCREENS: dict[str, tuple[str, str, Callable[[Page], None]]] = {
    "overview": ("ann", "plugin/profiles", _waiting("Ocamba Hood")),
    "pushes": ("ann", "plugin/profiles?screen=pushes", _why),
    "refused": ("ann", "plugin/profiles?screen=refused", _records),
    "story": (
        "ann",
        f"plugin/profiles?screen=refused&ledger=profile_ledger&key={STRANGER}",
        _story,
    ),
    "ledger": ("ann", "plugin/profiles?screen=ledger", _waiting("ocamba:ocamba_default")),
    "owed": ("ann", "plugin/profiles?screen=owed", _waiting("profile_outbox")),
    "nothing-there": ("newt", "plugin/profiles", _waiting("No DAG pushes profiles yet")),
    "no-right": ("vic", "plugin/profiles?screen=ledger", _waiting("that you may read")),
    "push": ("ann", "{tab}", _waiting(STRANGER)),
    "push-again": ("ann", "{tab}", _form),
}


def serious(page: Page, where: str = OURS) -> list[str]:
    """What keeps somebody out, in a part of the window."""
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page, context=where).response
    assert found["passes"], "it has looked at something"
    return [
        f"{one['id']}: {one['help']}: {node['html'][:300]}: {node['failureSummary']}"
        for one in found["violations"]
        if one["impact"] in {"serious", "critical"}
        for node in one["nodes"]
    ]


@pytest.mark.parametrize("screen", SCREENS)
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_axe_finds_nothing_serious(browser: Browser, seen: Seen, screen: str, dark: bool) -> None:
    user, place, ready = SCREENS[screen]
    tab = f"dags/seen_pushes/runs/{seen.run_id}/tasks/push_ocamba/plugin/profile-push"
    with window(browser, seen, user, dark=dark) as page:
        page.emulate_media(reduced_motion="reduce")
        page.goto(f"{seen.url}/{place.format(tab=tab)}")
        ready(page)
        assert page.locator("html").get_attribute("class") == ("dark" if dark else "light")
        assert page.locator(OURS).count() == 1
        found = serious(page, "[role=dialog]" if screen == "push-again" else OURS)
    assert not found, "\n".join(found)


def test_axe_finds_what_is_wrong_in_what_the_page_draws(browser: Browser, seen: Seen) -> None:
    with window(browser, seen, "ann") as page:
        page.goto(f"{seen.url}/plugin/profiles")
        page.get_by_text("Ocamba Hood").first.wait_for()
        page.locator(OURS).evaluate("root => root.append(document.createElement('button'))")
        (found,) = serious(page)
    assert found.startswith("button-name: ")
