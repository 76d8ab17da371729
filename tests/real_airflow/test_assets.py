"""Asset events: what green pushes tell, what red ones do not, and how a fan-out is closed."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from typing import Any
from urllib.parse import urlsplit

import pytest
from include.local_airflow import LocalAirflow

from airflow_profile_provider.sandbox import Sandbox

from .conftest import TEST_DAGS, Ended, TestDag

pytestmark = pytest.mark.long

Events = Callable[[str], list[dict[str, Any]]]


def changes(sandbox: Sandbox, first: int, last: int, name: str = "Ada") -> list[dict[str, Any]]:
    """Changes of some of the sandbox's profiles."""
    return [
        {"key": key, "fields": {"full_name": f"{name} {n}"}}
        for n, key in enumerate(list(sandbox.keys("ocamba"))[first:last])
    ]


NOBODY = {"key": "17430755068736109999", "fields": {"full_name": "Nobody"}}


@pytest.fixture
def events(bundles: LocalAirflow) -> Events:
    """The events of a task since the test began."""

    def query(since: int, task: str = "") -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(bundles.database)) as connection:
            found = connection.execute(
                "select event.id, asset.uri, event.extra, event.source_map_index from asset_event event "
                "join asset on asset.id = event.asset_id where event.id > ? and source_task_id like ?",
                [since, task or "%"],
            )
            return list(found)

    start = max((row[0] for row in query(0)), default=0)

    def told(task: str) -> list[dict[str, Any]]:
        return [{"uri": uri, **json.loads(extra)} for _, uri, extra, _ in query(start, task)]

    return told


@pytest.fixture
def run(test_dag: TestDag, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Ended]:
    def with_changes(allowed: str = "0", **given: Any) -> Ended:
        monkeypatch.setenv("AIRFLOW_VAR_CHANGES", json.dumps(given))
        monkeypatch.setenv("AIRFLOW_VAR_ALLOWED", allowed)
        return test_dag(TEST_DAGS / "announced_pushes.py")

    return with_changes


def test_events_tell_the_counts_of_green_pushes_alone_and_aliases_only_of_changes(
    run: Callable[..., Ended], sandbox: Sandbox, events: Events
) -> None:
    given = {
        "push": changes(sandbox, 0, 4),
        "red": [*changes(sandbox, 4, 6), NOBODY],
        "shares": [changes(sandbox, 6, 9), changes(sandbox, 9, 11)],
    }
    ended = run(**given)
    vendor = f"ocamba://{urlsplit(sandbox.url).netloc}/profiles"
    assert ended.tasks["push"] == "success"
    report = ended.report("push")
    assert report["pushed"] == 4
    assert sorted(events("push"), key=lambda event: event["uri"]) == sorted(
        [{"uri": "ocamba://example.com/profiles", **report}, {"uri": vendor, **report}],
        key=lambda event: str(event["uri"]),
    )

    assert ended.tasks["push_red"] == "failed"
    assert (ended.report("push_red")["pushed"], events("push_red")) == (2, [])

    whole = ended.report("close")
    assert (whole["received"], whole["pushed"], whole["complete"]) == (5, 5, True)
    assert whole["requests"] == sum(ended.report("push_share", n)["requests"] for n in (0, 1))
    told = events("close")
    assert [event["uri"] for event in told] == ["ocamba://whole.example.com/profiles"] * 2
    assert [(event["received"], event["pushed"]) for event in told] == [(5, 5)] * 2
    assert events("push_share") == []

    again = run(**given)
    assert again.report("push")["unchanged"] == 4
    assert [event["uri"] for event in events("push")[2:]] == ["ocamba://example.com/profiles"]


def test_a_sum_is_judged_and_a_red_one_tells_nobody(
    run: Callable[..., Ended], sandbox: Sandbox, events: Events
) -> None:
    shares = [[*changes(sandbox, 0, 3), NOBODY], changes(sandbox, 3, 6), [*changes(sandbox, 6, 7), NOBODY]]
    given = {"push": changes(sandbox, 20, 21), "red": [NOBODY], "shares": shares}
    ended = run("1", **given)
    assert ended.tasks["close"] == "failed"
    assert (ended.report("close")["pushed"], ended.report("close")["rejected"]) == (7, 2)
    assert ended.tasks["close_strictly"] == "failed"
    assert events("close") == events("close_strictly") == []

    ended = run("2", **given)
    assert (ended.tasks["close"], ended.tasks["close_strictly"]) == ("success", "failed")
    assert [event["rejected"] for event in events("close")] == [2, 2]
    assert ended.report("close") == ended.report("close_strictly")


def test_a_share_that_left_no_report_is_not_forgotten(
    run: Callable[..., Ended], sandbox: Sandbox, events: Events
) -> None:
    # A file that is not there ends a push before there is anything to report.
    shares = [changes(sandbox, 0, 3), "/nowhere/changes.jsonl"]
    ended = run("100%", push=changes(sandbox, 20, 21), red=[NOBODY], shares=shares)
    assert ended.tasks["close"] == "failed"
    assert ended.report("close")["pushed"] == 3
    assert events("close") == []
