"""Whatever comes late, fails, is killed or forgotten: in the end the vendor holds what was committed."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from guarantees.rig import Rig
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import create_engine, text

from airflow_profile_provider.errors import PushStopped
from airflow_profile_provider.sources.announced import Announced, Outbox
from airflow_profile_provider.sources.watching import Announcer, unmarked

from .table import Table

pytestmark = pytest.mark.long

FIELDS = ["full_name", "comment"]
KEYS = 2
AGAIN = 300.0
steps = st.one_of(
    st.tuples(st.just("begin"), st.integers(0, KEYS - 1), st.sampled_from([FIELDS[:1], FIELDS[1:], FIELDS])),
    st.tuples(st.just("commit"), st.integers(0, 9)),
    st.tuples(st.just("look")),
    st.tuples(st.just("push"), st.sets(st.integers(0, KEYS - 1)), st.sampled_from(["", "killed"])),
    st.tuples(st.just("lose the events")),
    st.tuples(st.just("restart"), st.booleans()),
    st.tuples(st.just("wait")),
    st.tuples(st.just("deliver"), st.integers(0, 9)),
)


class World:
    """An application, a watcher, a push, and their troubles."""

    def __init__(self, rig: Rig, folder: Path, *, ledger: bool) -> None:
        self.rig = rig
        self.keys = rig.all_keys()[:KEYS]
        self.table = Table(create_engine(f"sqlite:///{folder / 'app.db'}"))
        self.table.make()
        for name in ("app", "ledger"):
            connection = {"conn_type": "sqlite", "host": str(folder / f"{name}.db")}
            rig.setenv(f"AIRFLOW_CONN_{name.upper()}", json.dumps(connection))
        self.options = {"ledger_conn_id": "ledger"} if ledger else {}
        self.begun: dict[int, tuple[int, dict[str, str]]] = {}
        self.committed: dict[int, tuple[int, dict[str, str]]] = {}
        self.number = 0
        self.now = 0.0
        self.announcer = Announcer(AGAIN)
        self.announced: list[tuple[int, int]] = []

    def do(self, step: tuple[Any, ...]) -> None:
        match step:
            case "begin", key, fields:  # the number is taken now, the row is seen when it is committed
                self.number += 1
                self.begun[self.number] = key, dict.fromkeys(fields, f"v{self.number}")
            case "commit", which if self.begun:
                self.commit(sorted(self.begun)[which % len(self.begun)])
            case ("look",):
                self.now += 1
                found = unmarked(self.table.engine, "profile_outbox", "id", ["delivered"], newest=3)
                if span := self.announcer.look(found, self.now):
                    self.announced.append((span["first"], span["last"]))
            case "deliver", which:  # what most changes meet
                for each in (("commit", which), ("look",), ("push", set(), "")):
                    self.do(each)
            case "push", failing, end:
                self.push(failing, end)
            case ("lose the events",):
                self.announced.clear()
            case "restart", remembers:
                remembered = self.announcer.remembered() if remembers else None
                self.announcer = Announcer(AGAIN)
                self.announcer.recall(remembered)
            case ("wait",):
                self.now += AGAIN

    def commit(self, number: int) -> None:
        key, fields = self.committed[number] = self.begun.pop(number)
        self.table.write(self.keys[key], fields, number)

    def push(self, failing: set[int], end: str = "") -> None:
        for key in failing:
            self.rig.fault("status", key=self.keys[key], status=503)
        before = self.table.marks()
        try:
            announced = Announced(Outbox(), tuple(self.announced))
            self.rig.hook.push(announced, sql_conn_id="app", **self.options)
        except PushStopped:
            pass
        self.rig.sandbox.clear_faults()
        if end != "killed":  # whose retry reads the same ranges
            self.announced.clear()
            return
        with self.table.engine.begin() as connection:  # it did not live to mark what was acknowledged
            for number in (number for number, mark in before.items() if mark is None):
                connection.execute(
                    text("update profile_outbox set delivered = null where id = :n"), {"n": number}
                )

    def expected(self) -> Mapping[tuple[str, str], str]:
        """What the vendor must hold: the newest value of each field, by number."""
        changes = [
            (key, name, value)
            for _, (key, fields) in sorted(self.committed.items())
            for name, value in fields.items()
        ]
        return {(self.keys[key], name): value for key, name, value in changes}


@pytest.mark.parametrize("ledger", [False, True])
@settings(
    max_examples=100,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(done=st.lists(steps, min_size=6, max_size=25))
def test_nothing_is_lost(rig: Rig, ledger: bool, done: list[tuple[Any, ...]]) -> None:
    rig.sandbox.reset()
    with tempfile.TemporaryDirectory() as folder:
        world = World(rig, Path(folder), ledger=ledger)
        for step in done:
            world.do(step)
        for number in sorted(world.begun):
            world.commit(number)
        for step in (("wait",), ("look",), ("push", set(), "")):  # the troubles are over
            world.do(step)
        marks = world.table.marks()
        assert set(marks) == set(world.committed)
        assert set(marks.values()) <= {"pushed", "superseded", "unchanged"}
        held = {name: rig.held(name) for name in FIELDS}
        assert {(key, name): held[name][key] for key, name in world.expected()} == world.expected()
        world.table.engine.dispose()
