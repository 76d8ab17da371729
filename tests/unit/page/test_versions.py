"""Pushes found in the versions of DAGs that Airflow keeps, of each the last few, none read twice."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from airflow.models.dag_version import DagVersion
from airflow.models.serialized_dag import SerializedDagModel
from airflow.sdk import DAG
from own_airflow import serialized
from sqlalchemy import Engine, create_engine, event, insert, update
from sqlalchemy.orm import Session, configure_mappers

from airflow_profile_provider.operators.ocamba import OcambaPushProfilesOperator
from airflow_profile_provider.page.tasks import VERSIONS, push_tasks

pytestmark = pytest.mark.airflow

NOW = datetime(2026, 11, 1, tzinfo=UTC)


class Kept:
    """What Airflow keeps of DAGs, in a database of its own; and what is asked of it."""

    def __init__(self, engine: Engine) -> None:
        self.session = Session(engine)
        self.asked: list[str] = []
        event.listen(engine, "before_cursor_execute", self._note)

    def _note(self, connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        self.asked.append(statement)

    def add(self, dag_id: str, version: int, *task_ids: str) -> Any:
        """Keep a version of a DAG that has these pushes; return its id."""
        number = uuid4()
        told = {"id": number, "dag_id": dag_id, "version_number": version, "created_at": NOW}
        self.session.execute(insert(DagVersion.__table__).values(**told, last_updated=NOW))
        content = self._content(dag_id, *task_ids)
        row = {"id": uuid4(), "dag_id": dag_id, "dag_version_id": number, "created_at": NOW, **content}
        self.session.execute(insert(SerializedDagModel.__table__).values(**row, last_updated=NOW))
        return number

    def write_anew(self, number: Any, dag_id: str, *task_ids: str) -> None:
        """Keep other content of a version, as Airflow does of one that has not run."""
        table = SerializedDagModel.__table__
        content = self._content(dag_id, *task_ids)
        self.session.execute(update(table).where(table.c.dag_version_id == number).values(**content))

    def _content(self, dag_id: str, *task_ids: str) -> dict[str, Any]:
        with DAG(dag_id, schedule=None) as dag:
            for task_id in task_ids:
                OcambaPushProfilesOperator(task_id=task_id, records="/a.jsonl")
        return {"data": serialized(dag), "dag_hash": ",".join(task_ids)}

    def found(self, *dag_ids: str) -> set[tuple[str, str]]:
        """The pushes of DAGs."""
        self.asked.clear()
        return {(push.dag_id, push.task_id) for push in push_tasks(self.session, set(dag_ids))}


@pytest.fixture
def kept() -> Iterator[Kept]:
    """Nothing yet."""
    configure_mappers()  # else it is ours to do, and what Airflow's own warn of would be ours, too
    engine = create_engine("sqlite://")
    for model in (DagVersion, SerializedDagModel):
        model.__table__.create(engine)
    own = Kept(engine)
    yield own
    own.session.close()
    engine.dispose()


def test_a_push_that_was_taken_out_of_its_dag_is_found_in_an_older_version(kept: Kept) -> None:
    kept.add("d", 1, "ancient")
    for version in range(2, VERSIONS + 2):
        kept.add("d", version, "old" if version == 2 else "new")
    assert kept.found("d") == {("d", "old"), ("d", "new")}


def test_no_version_is_read_twice(kept: Kept) -> None:
    for version in range(1, 4):
        kept.add("d", version, f"push_{version}")
    assert len(kept.found("d")) == 3
    assert any("serialized_dag.data" in asked for asked in kept.asked)
    assert len(kept.found("d")) == 3
    assert not any("serialized_dag.data" in asked for asked in kept.asked)


def test_a_version_that_was_written_anew_is_read_anew(kept: Kept) -> None:
    number = kept.add("d", 1, "push")
    assert kept.found("d") == {("d", "push")}
    kept.write_anew(number, "d", "push", "other")
    assert kept.found("d") == {("d", "push"), ("d", "other")}


def test_one_that_was_written_anew_before_a_newer_came_is_read_anew(kept: Kept) -> None:
    number = kept.add("d", 1, "push")
    kept.found("d")
    kept.write_anew(number, "d", "other")
    kept.add("d", 2, "push")
    assert kept.found("d") == {("d", "push"), ("d", "other")}


def test_of_many_dags_only_the_last_versions_are_read(kept: Kept) -> None:
    dags = [f"d{number}" for number in range(60)]
    for dag in dags[:3]:
        for version in range(1, VERSIONS + 3):
            kept.add(dag, version, f"push_{version}")
    for dag in dags[3:]:
        kept.add(dag, 1, "push")
    found = kept.found(*dags)
    assert len(found) == 3 * VERSIONS + 57
    assert ("d0", "push_2") not in found
    assert ("d0", "push_3") in found
    of_content = [asked for asked in kept.asked if "FROM serialized_dag" in asked]
    assert of_content
    assert all("serialized_dag.dag_version_id IN" in asked for asked in of_content), "none reads all"


def test_of_dags_that_one_may_not_read_nothing_is_found(kept: Kept) -> None:
    kept.add("mine", 1, "push")
    kept.add("theirs", 1, "push")
    assert kept.found("mine") == {("mine", "push")}
    assert kept.found() == set()
