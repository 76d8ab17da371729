"""The page's screens in a real browser: clicked through, light and dark, as admin and as viewer."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from real_airflow.browsing import picture

from .browsing import window
from .conftest import ODD, STRANGER, Seen

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = [pytest.mark.browser, pytest.mark.long]


def has_no_sideways_scroll(page: Page) -> bool:
    """Whether the whole page fits the window's width."""
    return bool(page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"))


def tab_of(seen: Seen, task_id: str) -> str:
    """The address of a task instance's tab Push."""
    return f"{seen.url}/dags/seen_pushes/runs/{seen.run_id}/tasks/{task_id}/plugin/profile-push"


@pytest.mark.parametrize("user", ["ann", "vic"])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_the_screens_are_reached_from_the_menu(browser: Browser, seen: Seen, user: str, dark: bool) -> None:
    with window(browser, seen, user, dark=dark) as page:
        page.goto(seen.url)
        page.get_by_role("button", name="Browse").click()
        page.get_by_role("menuitem", name="Profiles").click()
        page.get_by_role("heading", name="Profiles", level=1).wait_for()
        assert page.locator("html").get_attribute("class") == ("dark" if dark else "light")
        card = page.get_by_role("article").filter(has_text="Ocamba Hood")
        card.get_by_role("img", name="5 pushed, 2 rejected").wait_for()
        page.get_by_role("img", name="Verdicts of 1 days", exact=False).wait_for()
        if user == "ann" and not dark:
            picture(page, "page-overview")

        page.get_by_role("tab", name="Pushes").click()
        page.get_by_role("row").filter(has_text="seen_pushes · push_ocamba").wait_for()
        page.get_by_label("Vendor").select_option("ocamba")
        row = page.get_by_role("row").filter(has_text="seen_pushes · push_ocamba")
        page.get_by_role("row").filter(has_text="lightfield").first.wait_for(state="detached")
        row.get_by_role("button", name="Why").click()
        page.get_by_role("table", name="Reasons").get_by_text("Unknown profile id").wait_for()

        page.get_by_role("tab", name="Refused").click()
        reasons = page.get_by_role("table", name="Reasons")
        reasons.get_by_text("Unknown profile id").wait_for()
        reasons.get_by_role("button", name="Show").click()
        reasons.get_by_text("seen_pushes · push_ocamba: 2").wait_for()
        reasons.get_by_role("button", name="Records", exact=True).click()
        page.get_by_role("table", name="Records").get_by_text("rejected").first.wait_for()
        if user == "ann" and not dark:
            picture(page, "page-refused")


def test_the_cause_of_a_red_push_is_two_clicks_from_airflows_home(browser: Browser, seen: Seen) -> None:
    with window(browser, seen, "vic") as page:
        page.goto(seen.url)
        page.get_by_role("button", name="Browse").click()
        page.get_by_role("menuitem", name="Profiles").click()
        card = page.get_by_role("article").filter(has_text="Ocamba Hood")
        card.get_by_text("2 rejected: Ocamba Hood answered 400 (Unknown profile id").wait_for()
        page.get_by_role("article").filter(has_text="Ocamba Hood").get_by_role(
            "button", name="see why"
        ).click()
        page.get_by_role("table", name="Reasons").get_by_text("Unknown profile id").wait_for()


def test_a_task_instance_has_a_tab_with_its_push(browser: Browser, seen: Seen) -> None:
    with window(browser, seen, "vic") as page:
        page.goto(tab_of(seen, "push_ocamba").removesuffix("/plugin/profile-push"))
        page.get_by_role("link", name="Push", exact=True).click()
        page.get_by_role("heading", name="Push to Ocamba Hood").wait_for()
        page.get_by_role("table", name="Reasons").get_by_text("Unknown profile id").wait_for()


def test_a_task_that_pushes_nothing_says_so_in_its_tab(browser: Browser, seen: Seen) -> None:
    with window(browser, seen, "vic") as page:
        page.goto(tab_of(seen, "no_push"))
        page.get_by_text("This task pushes no profiles").wait_for()


def test_the_address_of_a_screen_can_be_sent_to_somebody(browser: Browser, seen: Seen) -> None:
    with window(browser, seen, "ann") as page:
        page.goto(f"{seen.url}/plugin/profiles?screen=pushes&vendor=communifire")
        page.get_by_role("row").filter(has_text="push_communifire [1]").wait_for()
        page.reload()
        page.get_by_role("row").filter(has_text="push_communifire [1]").wait_for()
        assert page.get_by_role("row").filter(has_text="push_ocamba").count() == 0


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_ledger_and_outbox_have_screens_for_who_may_read_them(
    browser: Browser, seen: Seen, dark: bool
) -> None:
    with window(browser, seen, "ann", dark=dark) as page:
        page.goto(f"{seen.url}/plugin/profiles")
        card = page.get_by_role("article").filter(has_text="Ocamba Hood")
        card.get_by_role("button", name="in doubt").click()
        targets = page.get_by_role("table", name="Targets")
        row = targets.get_by_role("row").filter(has_text="ocamba:ocamba_default")
        row.get_by_role("cell", name="7", exact=True).wait_for()
        page.get_by_text("No key is quarantined").wait_for()

        page.get_by_role("tab", name="Owed").click()
        outbox = page.get_by_role("row").filter(has_text="profile_outbox")
        outbox.get_by_role("cell", name="2", exact=True).wait_for()
        outbox.get_by_role("cell", name="id 2", exact=True).wait_for()


@pytest.mark.parametrize("screen", ["ledger", "owed", "refused"])
def test_who_may_read_no_connection_is_told_so(browser: Browser, seen: Seen, screen: str) -> None:
    with window(browser, seen, "vic") as page:
        page.goto(f"{seen.url}/plugin/profiles?screen={screen}")
        page.get_by_text("that you may read").first.wait_for()


def test_one_profile_has_a_story_across_vendors_and_runs(browser: Browser, seen: Seen) -> None:
    with window(browser, seen, "ann") as page:
        page.goto(f"{seen.url}/plugin/profiles?screen=refused")
        page.get_by_label("Key").fill(STRANGER[:-2])
        page.get_by_role("button", name="Find keys that begin so").click()
        page.get_by_role("button", name=STRANGER).click()
        known = page.get_by_role("table", name="What the ledger knows")
        known.get_by_text("never acknowledged; in doubt").wait_for()
        history = page.get_by_role("table", name="History of this key")
        history.get_by_text("Unknown profile id").wait_for()
        page.get_by_text(f"airflow profiles explain '{STRANGER}' --conn-id ocamba_default").wait_for()
        picture(page, "page-story")


def test_a_key_that_holds_markup_stays_text(browser: Browser, seen: Seen) -> None:
    with window(browser, seen, "ann") as page:
        page.goto(tab_of(seen, "push_ocamba"))
        page.get_by_label("Verdict").select_option("rejected")
        records = page.get_by_role("table", name="Records")
        records.get_by_role("cell", name=ODD, exact=True).wait_for()
        page.set_viewport_size({"width": 1280, "height": 1400})
        picture(page, "page-push")
        assert records.locator("b").count() == 0


def test_keys_are_masked_for_who_may_not_read_the_ledger(browser: Browser, seen: Seen) -> None:
    with window(browser, seen, "vic") as page:
        page.goto(tab_of(seen, "push_ocamba"))
        page.get_by_role("table", name="Records").get_by_text("•••").first.wait_for()
        assert page.get_by_text(STRANGER).count() == 0


@pytest.mark.parametrize("screen", ["overview", "pushes", "refused", "ledger", "owed"])
def test_a_narrow_window_shows_it_all(browser: Browser, seen: Seen, screen: str) -> None:
    with window(browser, seen, "ann", width=420) as page:
        page.goto(f"{seen.url}/plugin/profiles?screen={screen}")
        page.get_by_text(re.compile("Ocamba Hood|ocamba:|profile_outbox")).first.wait_for()
        assert has_no_sideways_scroll(page)


def test_the_screens_are_reached_by_keyboard(browser: Browser, seen: Seen) -> None:
    with window(browser, seen, "ann") as page:
        page.goto(f"{seen.url}/plugin/profiles")
        page.get_by_role("tab", name="Overview").focus()
        page.keyboard.press("ArrowRight")
        page.get_by_role("row").filter(has_text="push_ocamba").wait_for()
        page.wait_for_function("document.activeElement.innerText === 'Pushes'")
        page.keyboard.press("ArrowRight")
        page.get_by_role("table", name="Reasons").wait_for()


def test_times_are_those_of_the_zone_that_the_user_chose(browser: Browser, seen: Seen) -> None:
    with window(browser, seen, "ann") as page:
        page.add_init_script("localStorage.setItem('timezone', JSON.stringify('Asia/Kolkata'))")
        page.goto(f"{seen.url}/plugin/profiles?screen=pushes&vendor=ocamba")
        time = page.get_by_role("row").filter(has_text="push_ocamba").locator("time").first
        assert str(time.get_attribute("title")).endswith("Asia/Kolkata")


def test_who_sees_no_push_is_told_how_to_make_one(browser: Browser, seen: Seen) -> None:
    with window(browser, seen, "newt") as page:
        page.goto(f"{seen.url}/plugin/profiles")
        page.get_by_text("No DAG pushes profiles yet").wait_for()
        page.get_by_text("airflow profiles init").wait_for()
    with window(browser, seen, "nora") as page:
        page.goto(f"{seen.url}/plugin/profiles")
        page.get_by_text("No push has run in this period").wait_for()


def test_rejects_are_pushed_again_in_airflows_own_form(browser: Browser, seen: Seen) -> None:
    with window(browser, seen, "ann") as page:
        page.goto(tab_of(seen, "push_ocamba"))
        page.get_by_role("button", name="Push again").click()
        page.get_by_role("dialog").get_by_role("button", name="Open the form").click()
        field = page.locator('[role=dialog] [name="element_conn_id"]')
        field.wait_for()
        page.wait_for_function("document.querySelector('[name=element_conn_id]').value === 'ocamba_default'")
        rejects = seen.ended.report("push_ocamba")["rejects"]
        assert page.locator('[role=dialog] [name="element_rejects"]').input_value() == rejects
        page.wait_for_function("document.querySelector('input[name=element_nulls]').value === 'skip'")
        page.locator("[role=dialog] #element_nulls").get_by_text("skip", exact=True).wait_for()
