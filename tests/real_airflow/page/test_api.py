"""The page's API, asked over HTTP: what it tells, and whom."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest
from own_airflow import AIRFLOW_VERSION

from .conftest import USERS, Seen

pytestmark = pytest.mark.long

NAMES = {
    ("push_ocamba", -1),
    ("push_lightfield", -1),
    ("plan_lightfield", -1),
    ("push_communifire", 0),
    ("push_communifire", 1),
}


def names(answer: dict) -> list[tuple[str, int]]:
    """The task instances of a list of pushes."""
    return [(push["task_id"], push["map_index"]) for push in answer["pushes"]]


def test_every_push_is_listed_and_nothing_else(seen: Seen) -> None:
    status, answer = seen.ask("pushes")
    assert status == 200
    assert set(names(answer)) == NAMES
    starts = [push["start"] for push in answer["pushes"]]
    assert starts == sorted(starts, reverse=True)
    assert answer["next"] is None


def test_a_push_tells_its_target_its_report_and_its_reasons(seen: Seen) -> None:
    status, push = seen.ask(seen.push("push_ocamba"))
    assert status == 200
    assert (push["vendor_name"], push["conn_id"]) == ("Ocamba Hood", "ocamba_default")
    assert push["ledger_conn_id"] == "profile_ledger"
    assert push["report"] == seen.ended.report("push_ocamba")
    assert [(each["verdict"], each["count"]) for each in push["report"]["reasons"]] == [("rejected", 2)]


def test_a_mapped_push_is_told_by_its_index(seen: Seen) -> None:
    _, push = seen.ask(seen.push("push_communifire", 1))
    assert push["map_index"] == 1
    assert push["conn_id"] == "communifire_default"


def test_a_plan_shows_what_would_be_sent(seen: Seen) -> None:
    _, push = seen.ask(seen.push("plan_lightfield"))
    assert push["action"] == "plan"
    assert "would be sent" in push["plan_summary"]


def test_rejects_can_be_pushed_again_by_a_filled_form(seen: Seen) -> None:
    _, push = seen.ask(seen.push("push_ocamba"))
    conf = push["replay"]["conf"]
    assert conf["conn_id"] == "ocamba_default"
    assert conf["rejects"] == push["report"]["rejects"]
    assert conf["ledger_conn_id"] == "profile_ledger"
    _, answer = seen.ask("pushes", vendor="ocamba")
    assert [push["replay"]["conf"] for push in answer["pushes"]] == [conf]
    _, whole = seen.ask(seen.push("push_lightfield"))
    assert whole["replay"] is None


def test_pages_follow_each_other_without_a_gap(seen: Seen) -> None:
    found, before = [], None
    while True:
        _, answer = seen.ask("pushes", limit=2, **({"before": before} if before else {}))
        found += names(answer)
        if not (before := answer["next"]):
            break
    assert len(found) == len(NAMES)
    assert set(found) == NAMES


@pytest.mark.parametrize("before", ["x", "WyJ4Il0=", "bnVsbA==", "WyIyMDI2LTAxLTAxIiwgIjEiXQ=="])
def test_what_is_no_end_of_a_page_is_refused(seen: Seen, before: str) -> None:
    assert seen.ask("pushes", before=before)[0] == 400


@pytest.mark.parametrize(
    ("query", "tasks"),
    [
        ({"vendor": "ocamba"}, {"push_ocamba"}),
        ({"state": "failed"}, {"push_ocamba"}),
        ({"state": ["success", "failed"], "vendor": "lightfield"}, {"push_lightfield", "plan_lightfield"}),
        ({"dag_id": "no_such_dag"}, set()),
        ({"until": (datetime.now(UTC) - timedelta(days=1)).isoformat()}, set()),
    ],
)
def test_filters_leave_what_is_asked_for(seen: Seen, query: dict, tasks: set[str]) -> None:
    _, answer = seen.ask("pushes", **query)
    assert {push["task_id"] for push in answer["pushes"]} == tasks


def test_the_summary_has_a_card_for_each_target(seen: Seen) -> None:
    _, answer = seen.ask("summary")
    cards = {card["vendor"]: card for card in answer["targets"]}
    assert set(cards) == {"ocamba", "lightfield", "communifire"}
    assert cards["ocamba"]["verdicts"] == {"pushed": 5, "rejected": 2}
    assert cards["ocamba"]["red"] == 1
    assert cards["ocamba"]["ledger_conn_ids"] == ["profile_ledger"]
    assert cards["communifire"]["pushes"] == 2
    assert sum(hour["verdicts"]["pushed"] for hour in answer["hours"]) == 5 + 4 + 2


def test_reasons_are_counted_over_all_pushes(seen: Seen) -> None:
    _, answer = seen.ask("reasons")
    (reason,) = answer["reasons"]
    assert (reason["vendor"], reason["verdict"], reason["count"]) == ("ocamba", "rejected", 2)
    assert [push["task_id"] for push in reason["pushes"]] == ["push_ocamba"]


@pytest.fixture
def running(seen: Seen) -> Iterator[None]:
    """One of the pushes, as if it were still under way."""
    if AIRFLOW_VERSION < (3, 3):
        pytest.skip("only Airflow 3.3 and later store the progress of a task")
    place = (seen.run_id, "push_lightfield")
    progress = {
        "profile_push_progress": "3 of about 4 records (75%); 3 pushed; about 2 s left",
        "profile_push": {"report": {"received": 3, "pushed": 3}},
    }
    with closing(sqlite3.connect(seen.airflow.database, timeout=30)) as database, database:
        told = "select state from task_instance where run_id = ? and task_id = ?"
        (state,) = database.execute(told, place).fetchone()
        change = "update task_instance set state = ? where run_id = ? and task_id = ?"
        database.execute(change, ("running", *place))
        for key, value in progress.items():
            database.execute(
                "insert into task_state_store (dag_run_id, task_id, map_index, key, dag_id, run_id, value, "
                "updated_at) select id, ?, -1, ?, dag_id, run_id, ?, run_after from dag_run where run_id = ?",
                ("push_lightfield", key, json.dumps(value), seen.run_id),
            )
    yield
    with closing(sqlite3.connect(seen.airflow.database, timeout=30)) as database, database:
        database.execute("delete from task_state_store")
        database.execute(change, (state, *place))


@pytest.mark.usefixtures("running")
def test_a_push_under_way_tells_how_far_it_is(seen: Seen) -> None:
    _, push = seen.ask(seen.push("push_lightfield"))
    assert push["progress"]["words"].startswith("3 of about 4 records")
    assert push["progress"]["report"] == {"received": 3, "pushed": 3}


@pytest.mark.parametrize("user", USERS)
def test_who_may_read_a_dag_may_read_its_pushes(seen: Seen, user: str) -> None:
    may = user not in {"nora", "newt"}
    assert seen.ask(seen.push("push_ocamba"), user)[0] == (200 if may else 403)
    status, answer = seen.ask("pushes", user)
    assert status == 200
    assert len(answer["pushes"]) == (len(NAMES) if may else 0)
    assert bool(seen.ask("summary", user)[1]["targets"]) is may
    assert bool(seen.ask("reasons", user)[1]["reasons"]) is may


@pytest.mark.parametrize("path", ["pushes", "summary", "reasons", "pushes/seen_pushes/x/push_ocamba/-1"])
def test_nobody_reads_anything_without_a_login(seen: Seen, path: str) -> None:
    assert seen.ask(path, None)[0] == 401


@pytest.mark.parametrize("path", ["pushes", "summary", "reasons"])
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_nothing_is_written(seen: Seen, path: str, method: str) -> None:
    assert seen.ask(path, "ann", method)[0] == 405


def test_a_task_that_is_no_push_is_not_found(seen: Seen) -> None:
    assert seen.ask(seen.push("no_push"))[0] == 404
