"""The watcher: what it yields when, and that nothing makes it end."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from airflow.triggers.base import BaseEventTrigger
from own_airflow import AIRFLOW
from sqlalchemy import create_engine, text

from airflow_profile_provider.errors import ConfigurationError
from airflow_profile_provider.triggers import ProfileChangesTrigger

from .table import Table


class Store:
    """What Airflow's asset state store does."""

    def __init__(self, *, broken: bool = False) -> None:
        self.kept: dict[str, str] = {}
        self.broken = broken

    async def aget(self, key: str, default: Any = None) -> Any:
        if self.broken:
            raise ValueError("2 assets")
        return json.loads(self.kept[key]) if key in self.kept else default

    async def aset(self, key: str, value: Any) -> None:
        if self.broken:
            raise ValueError("2 assets")
        self.kept[key] = json.dumps(value)


def watch(
    steps: list[Callable[[], Any]], store: Store | None = None, **options: Any
) -> tuple[list[Any], list[float]]:
    """Run a watcher; a step is done while it waits, and after the last it is cancelled, as by a triggerer."""
    trigger = ProfileChangesTrigger("app", **{"poll_seconds": 10, "again_seconds": 100, **options})
    path, given = trigger.serialize()
    assert path == "airflow_profile_provider.triggers.profile_changes.ProfileChangesTrigger"
    trigger = ProfileChangesTrigger(**json.loads(json.dumps(given)))
    if store:
        trigger.asset_state_store = store  # type: ignore[assignment]
    left, events, waits = list(steps), [], []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)
        if not left:
            raise asyncio.CancelledError
        left.pop(0)()

    trigger.clock, trigger.sleep = lambda: sum(waits), sleep

    async def run() -> None:
        async for event in trigger.run():
            events.append(event.payload)  # noqa: PERF401 -- it ends by an error

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(run())
    return events, waits


def span(first: int, last: int, count: int) -> dict[str, Any]:
    return {"outbox": "profile_outbox", "first": first, "last": last, "count": count}


def nothing() -> None:
    """Only time passes."""


def test_new_rows_are_announced_by_number_and_without_a_value(outbox: Table) -> None:
    outbox.write("a", {"email": "canary@example.com"}, 4)
    late = [lambda: outbox.write("a", {"x": 1}, 2), nothing, lambda: outbox.write("b", {"x": 1}, 9)]
    events, waits = watch(late)
    assert events == [span(4, 4, 1), span(2, 2, 1), span(9, 9, 1)]
    assert waits == [10] * 4


def test_what_is_still_owed_is_announced_again(outbox: Table) -> None:
    outbox.write("a", {"x": 1}, 4)
    outbox.write("a", {"x": 1}, 5)

    def deliver() -> None:
        with outbox.engine.begin() as connection:
            connection.execute(text("update profile_outbox set delivered = 'pushed' where id = 4"))

    assert watch([nothing] * 12)[0] == [span(4, 5, 2)] * 2
    assert watch([deliver, *[nothing] * 12])[0] == [span(4, 5, 2), span(5, 5, 1)]


def test_several_consumers_are_watched_for_together(outbox: Table) -> None:
    outbox.write("a", {"x": 1}, 4, delivered="pushed")
    outbox.write("a", {"x": 1}, 5, delivered="pushed", lightfield="rejected")
    assert watch([], delivered=["delivered", "lightfield"])[0] == [span(4, 4, 1)]
    assert watch([])[0] == []


def test_a_restart_announces_again_only_where_nothing_could_be_remembered(outbox: Table) -> None:
    outbox.write("a", {"x": 1}, 4)
    store = Store()
    assert watch([nothing], store)[0] == [span(4, 4, 1)]
    outbox.write("a", {"x": 1}, 3)  # committed while no triggerer ran
    assert watch([nothing], store)[0] == [span(3, 3, 1)]
    assert watch([nothing])[0] == [span(3, 4, 2)]
    assert watch([nothing], Store(broken=True))[0] == [span(3, 4, 2)]


def test_what_was_announced_just_before_a_kill_is_not_remembered(outbox: Table) -> None:
    """Whether the event has reached Airflow's database is not known then."""
    outbox.write("a", {"x": 1}, 4)
    store = Store()
    assert watch([], store)[0] == [span(4, 4, 1)]
    assert watch([], store)[0] == [span(4, 4, 1)]


def test_a_database_that_fails_is_asked_again_ever_less_often(outbox: Table, caplog: Any) -> None:
    outbox.write("a", {"x": 1}, 4)

    def rename(there: str, to: str) -> Callable[[], None]:
        def act() -> None:
            with outbox.engine.begin() as connection:
                connection.execute(text(f"alter table {there} rename to {to}"))

        return act

    steps = [rename("profile_outbox", "gone"), nothing, nothing, rename("gone", "profile_outbox")]
    events, waits = watch([*steps, lambda: outbox.write("a", {"x": 1}, 5)], poll_seconds=2)
    assert events == [span(4, 4, 1), span(5, 5, 1)]
    assert waits == [2, 4, 8, 16, 2, 2]


def test_a_connection_that_comes_later_is_found(outbox: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    outbox.write("a", {"x": 1}, 4)
    given = os.environ["AIRFLOW_CONN_APP"]
    monkeypatch.delenv("AIRFLOW_CONN_APP")
    steps = [*[nothing] * 1100, lambda: monkeypatch.setenv("AIRFLOW_CONN_APP", given)]
    events, waits = watch(steps, poll_seconds=10.0)
    assert events == [span(4, 4, 1)]
    assert waits == [20, 40, *[60] * 1099, 10]


def test_a_connection_that_changes_is_followed(
    outbox: Table, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    other = Table(create_engine(f"sqlite:///{tmp_path / 'other.db'}"))
    other.make()
    other.write("a", {"x": 1}, 7)

    def move() -> None:
        there = {"conn_type": "sqlite", "host": str(tmp_path / "other.db")}
        monkeypatch.setenv("AIRFLOW_CONN_APP", json.dumps(there))
        with outbox.engine.begin() as connection:
            connection.execute(text("alter table profile_outbox rename to gone"))

    events, _ = watch([move, nothing])
    assert events == [span(7, 7, 1)]
    other.engine.dispose()
    with outbox.engine.begin() as connection:
        connection.execute(text("alter table gone rename to profile_outbox"))


def test_the_database_is_asked_in_a_thread(outbox: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    import threading

    asked = []
    look = ProfileChangesTrigger._look
    monkeypatch.setattr(
        ProfileChangesTrigger,
        "_look",
        lambda self, engine: (asked.append(threading.current_thread()), look(self, engine))[1],
    )
    watch([nothing])
    assert asked and threading.main_thread() not in asked


@pytest.mark.parametrize("options", [{"poll_seconds": 0}, {"again_seconds": "5"}, {"delivered": []}])
def test_an_argument_that_is_wrong_is_named(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match=next(iter(options))):
        ProfileChangesTrigger("app", **options)


def test_it_is_a_watcher_of_airflow_and_light_to_import() -> None:
    assert issubclass(ProfileChangesTrigger, BaseEventTrigger)
    show = """
import sys, airflow.triggers.base
before = set(sys.modules)
import airflow_profile_provider.triggers.profile_changes, airflow_profile_provider.operators.events
new = set(sys.modules) - before
print([name for name in ("sqlalchemy", "psycopg", "requests") if name in new])
"""
    done = subprocess.run(
        [sys.executable, "-c", show], env=AIRFLOW.environment(), capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"


def test_two_watchers_of_one_outbox_are_one_to_airflow() -> None:
    path, given = ProfileChangesTrigger("app").serialize()
    again = ProfileChangesTrigger(**given).serialize()
    assert BaseEventTrigger.hash(path, given) == BaseEventTrigger.hash(*again)
