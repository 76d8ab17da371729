"""The example that spreads a table over mapped tasks: its closing task judges the whole."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from itertools import count, islice
from pathlib import Path

import pytest
from own_airflow import ROOT

from airflow_profile_provider.sandbox import Sandbox
from airflow_profile_provider.sources.partition import in_partition

from .conftest import TestDag

pytestmark = pytest.mark.long


def test_one_red_share_makes_the_run_red_after_all_others_have_delivered(
    test_dag: TestDag, sandbox: Sandbox, tmp_path: Path
) -> None:
    known = list(sandbox.keys("ocamba"))
    # One more than a share may fail, all of them in the first.
    numbers = (str(99999999999999990000 + n) for n in count())
    unknown = list(islice((key for key in numbers if in_partition(key, (0, 4))), 11))
    people = [(key, "Ada", "moved") for key in [*known, *unknown]]
    with closing(sqlite3.connect(tmp_path / "people.db")) as warehouse, warehouse:
        warehouse.execute("create table people (ocamba_id text, full_name text, comment text)")
        warehouse.executemany("insert into people values (?, ?, ?)", people)
    ended = test_dag(ROOT / "dags" / "fan_out.py")
    assert (ended.state, ended.tasks["add_up"]) == ("failed", "failed")
    shares = [ended.report("push", index) for index in range(4)]
    assert sum(report["received"] for report in shares) == len(people)
    assert [sum(report[verdict] for report in shares) for verdict in ("pushed", "rejected")] == [
        len(known),
        len(unknown),
    ]
