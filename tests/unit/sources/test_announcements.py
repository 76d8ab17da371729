"""What events say, and what a watcher announces when."""

from __future__ import annotations

import json
from typing import Any

import pytest

from airflow_profile_provider.sources.announced import Outbox
from airflow_profile_provider.sources.announcements import read_events
from airflow_profile_provider.sources.watching import Announcer, Unmarked

OUTBOX = Outbox()
SPAN = {"outbox": "profile_outbox", "first": 3, "last": 9, "count": 5}
CHANGE = {"key": "1", "fields": {"email": "ada@example.com"}}


def test_ranges_of_several_events_are_read_together() -> None:
    extras = [
        {"payload": SPAN, "from_trigger": True},
        {"payload": {**SPAN, "first": 12, "last": 12}, "from_trigger": True},
    ]
    assert read_events(extras, OUTBOX).spans == ((3, 9), (12, 12))


@pytest.mark.parametrize("extras", [[], [{}], [None], [{"from_rest_api": True}], [{"payload": SPAN}, {}]])
def test_without_an_event_and_with_an_empty_one_everything_is_owed(extras: list[Any]) -> None:
    found = read_events(extras, OUTBOX)
    assert (found.spans, found.problems) == (None, ())


@pytest.mark.parametrize(
    "extra",
    [
        {"records": "/data/a.jsonl", "from_rest_api": True},
        {"records": ["/data/a.jsonl"]},
        {"payload": {"type": "message", "channel": "c", "data": '{"records": "/data/a.jsonl"}'}},
        {"payload": {"type": "message", "channel": "c", "data": "/data/a.jsonl"}},
        {"payload": {"status": "success", "message_batch": [{"Body": '{"records": "/data/a.jsonl"}'}]}},
        {"payload": '{"records": "/data/a.jsonl"}'},
        {"payload": "/data/a.jsonl"},
    ],
)
def test_a_file_is_named_by_rest_by_redis_by_sqs_or_by_bare_text(extra: Any) -> None:
    found = read_events([extra])
    assert (found.paths, found.changes, found.problems) == (("/data/a.jsonl",), (), ())


def test_files_and_ranges_may_come_together_and_the_order_of_events_stays() -> None:
    found = read_events([{"records": "b.jsonl"}, {"payload": SPAN}, {"records": ["a.jsonl", CHANGE]}], OUTBOX)
    assert (found.paths, found.spans, found.changes) == (("b.jsonl", "a.jsonl"), ((3, 9),), (CHANGE,))


def test_an_event_of_files_alone_reads_no_row_of_the_outbox() -> None:
    assert read_events([{"records": "b.jsonl"}], OUTBOX).spans == ()


def test_a_message_of_another_shape_is_read_by_a_function() -> None:
    found = read_events(
        [{"payload": {"s3": {"key": "x.csv"}}}], read=lambda said: {"records": said["s3"]["key"]}
    )
    assert found.paths == ("x.csv",)


@pytest.mark.parametrize(
    ("extra", "outbox", "problem"),
    [
        ({"path": "/a.jsonl"}, OUTBOX, "names no records: it says 'path'; name a file under \"records\""),
        ({}, None, "names no records: it says nothing"),
        ({"payload": 7}, OUTBOX, "holds int, no object"),
        (
            {"payload": {**SPAN, "outbox": "other"}},
            OUTBOX,
            "outbox 'other', and this push reads profile_outbox",
        ),
        ({"payload": SPAN}, None, "this push reads none: give it sql_conn_id"),
        ({"records": "/etc/x.csv"}, None, "not under /data/"),
        ({"records": "/data/../etc/x.csv"}, None, "not under /data/"),
    ],
)
def test_an_event_that_cannot_be_followed_says_why(extra: Any, outbox: Outbox | None, problem: str) -> None:
    (found,) = read_events([extra], outbox, under="/data/").problems
    assert problem in found


def test_what_was_announced_shows_no_value() -> None:
    assert "ada@example.com" not in repr(read_events([{"records": [CHANGE]}]))


def seen(*ids: int, oldest: int | None = None) -> Unmarked:
    return Unmarked(ids, oldest if oldest is not None else min(ids, default=None))


def test_a_row_is_announced_once_and_again_after_a_time() -> None:
    announcer = Announcer(300)
    assert announcer.look(seen(), 0) is None
    assert announcer.look(seen(4, 5), 0) == {"first": 4, "last": 5, "count": 2}
    assert announcer.look(seen(4, 5), 299) is None
    assert announcer.look(seen(4, 5, 6), 299.5) == {"first": 6, "last": 6, "count": 1}
    assert announcer.look(seen(4, 6), 300) == {"first": 4, "last": 4, "count": 1}
    assert announcer.look(seen(6), 301) is None


def test_a_row_that_comes_late_is_announced_at_once() -> None:
    announcer = Announcer(300)
    announcer.look(seen(4, 7), 0)
    assert announcer.look(seen(4, 5, 7), 1) == {"first": 5, "last": 5, "count": 1}
    assert announcer.look(seen(2, 4, 5, 7), 2) == {"first": 2, "last": 2, "count": 1}


def test_a_clock_that_is_set_back_delays_nothing() -> None:
    announcer = Announcer(300)
    announcer.look(seen(4), 1000)
    assert announcer.look(seen(4), 10) == {"first": 4, "last": 4, "count": 1}


def test_rows_older_than_those_that_are_looked_at_singly_are_announced_with_the_oldest_of_these() -> None:
    announcer = Announcer(300)
    assert announcer.look(seen(50, 51, oldest=3), 0) == {"first": 3, "last": 51, "count": 2}
    assert announcer.look(seen(51, 52, oldest=3), 1) == {"first": 52, "last": 52, "count": 1}
    assert announcer.look(seen(51, 52, oldest=3), 300) == {"first": 3, "last": 51, "count": 1}


def test_what_was_announced_outlives_a_restart_and_what_is_too_long_is_announced_again() -> None:
    announcer, after = Announcer(300), Announcer(300)
    announcer.look(seen(*range(5)), 0)
    announcer.look(seen(*range(7)), 100)
    after.recall(json.loads(json.dumps(announcer.remembered())))
    assert after.look(seen(*range(7)), 101) is None
    assert after.look(seen(*range(7)), 300) == {"first": 0, "last": 4, "count": 5}
    announcer.look(seen(*range(3000)), 101)
    assert announcer.remembered() == []
    for nonsense in (None, 7, [[1]], "text"):
        after.recall(nonsense)
        assert after.look(seen(4), 0) is not None
