"""``records=from_events()``: what the operator makes of the events that started its run."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException
from airflow.sdk import DAG
from guarantees.rig import Rig

from airflow_profile_provider.operators.events import from_events
from airflow_profile_provider.operators.ocamba import OcambaPushProfilesOperator

from .table import Table

FIELD = "full_name"
EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


def context(*extras: Any) -> Any:
    """A run that these events started, the oldest first; Airflow hands them over in no special order."""
    events = [SimpleNamespace(extra=e, timestamp=EPOCH + timedelta(n)) for n, e in enumerate(extras)]
    return {"triggering_asset_events": {"by name": events[::-1], "by alias": events}}


def span(first: int, last: int) -> dict[str, Any]:
    return {"payload": {"outbox": "profile_outbox", "first": first, "last": last}, "from_trigger": True}


def push(run: Any, **options: Any) -> dict[str, Any]:
    return OcambaPushProfilesOperator(task_id="push", **{"records": from_events(), **options}).execute(run)


def file(tmp_path: Path, name: str, *changes: dict[str, Any]) -> str:
    path = tmp_path / name
    path.write_text("".join(json.dumps(change) + "\n" for change in changes))
    return str(path)


def test_the_announced_rows_are_pushed_and_without_an_event_all_that_is_owed(outbox: Table, rig: Rig) -> None:
    keys = rig.all_keys()
    for number in range(1, 6):
        outbox.write(keys[number], {FIELD: f"new {number}"}, number)
    assert push(context(span(2, 2), span(4, 5)), sql_conn_id="app")["pushed"] == 3
    assert push(context(), sql_conn_id="app")["pushed"] == 2
    assert push({}, sql_conn_id="app")["received"] == 0


def test_files_are_pushed_in_the_order_of_their_events(rig: Rig, tmp_path: Path) -> None:
    one, other = rig.all_keys()[:2]
    first = file(tmp_path, "b.jsonl", rig.change(one, "early"), rig.change(other, "early"))
    second = file(tmp_path, "a.jsonl", rig.change(one, "late"))
    report = push(context({"records": first}, {"records": [second], "from_rest_api": True}))
    assert (report["received"], report["superseded"]) == (3, 1)
    assert (rig.held()[one], rig.held()[other]) == ("late", "early")


def test_rows_files_and_changes_may_come_together_and_only_rows_are_marked(
    outbox: Table, rig: Rig, tmp_path: Path
) -> None:
    keys = rig.all_keys()
    outbox.write(keys[0], {FIELD: "row"}, 1)
    outbox.write(keys[1], {FIELD: "not announced"}, 2)
    path = file(tmp_path, "a.jsonl", rig.change(keys[2], "file"), rig.change(keys[3], "file"))
    report = push(context(span(1, 1), {"records": [path, rig.change(keys[4], "change")]}), sql_conn_id="app")
    assert report["pushed"] == 4
    assert outbox.marks() == {1: "pushed", 2: None}


def test_an_event_that_cannot_be_followed_is_red_once_the_others_are_delivered(
    outbox: Table, rig: Rig, tmp_path: Path
) -> None:
    outbox.write(rig.all_keys()[0], {FIELD: "row"}, 1)
    rejects = tmp_path / "r.jsonl"
    with pytest.raises(AirflowFailException, match="1 of 2 changes were not delivered"):
        push(context({"path": "x"}, span(1, 1)), sql_conn_id="app", rejects_path=rejects)
    assert outbox.marks() == {1: "pushed"}
    (line,) = (json.loads(text) for path in tmp_path.glob("r*.jsonl") for text in path.open())
    assert "names no records: it says 'path'" in line["reason"]


def test_a_file_that_is_not_there_is_red_and_names_it(rig: Rig, tmp_path: Path) -> None:
    with pytest.raises(AirflowException, match=r"gone\.jsonl cannot be read"):
        push(context({"records": str(tmp_path / "gone.jsonl")}))


def test_an_empty_event_is_fine_unless_it_must_not_be(outbox: Table, rig: Rig) -> None:
    assert push(context({}), sql_conn_id="app")["received"] == 0
    with pytest.raises(AirflowException, match="is empty"):
        push(context({}), sql_conn_id="app", if_empty="fail")


def test_it_is_shown_without_values_and_the_folder_is_a_template(rig: Rig, tmp_path: Path) -> None:
    with DAG("a_dag", schedule=None):
        operator = OcambaPushProfilesOperator(task_id="push", records=from_events(under="{{ folder }}/"))
    assert repr(operator.records) == "<from_events: profile_outbox>"
    operator.render_template_fields({"folder": str(tmp_path)})
    inside = file(tmp_path, "a.jsonl", rig.change(rig.all_keys()[0], "a"))
    assert operator.execute(context({"records": inside}))["pushed"] == 1
    with pytest.raises(AirflowFailException):
        operator.execute(context({"records": f"{tmp_path}/../{tmp_path.name}/a.jsonl"}))


@pytest.mark.parametrize("nothing", ["", " ", "None", "null"])
def test_a_limit_that_a_template_made_of_nothing_is_refused(rig: Rig, tmp_path: Path, nothing: str) -> None:
    """Case 16: the events' sender would choose among all files otherwise."""
    inside = file(tmp_path, "a.jsonl", rig.change(rig.all_keys()[0], "a"))
    operator = OcambaPushProfilesOperator(task_id="push", records=from_events(under=nothing))
    with pytest.raises(AirflowFailException, match="under"):
        operator.execute(context({"records": inside}))
    assert operator.report is not None
    assert (operator.report.received, operator.report.requests) == (0, 0)


def test_a_record_that_the_vendor_does_not_know_is_settled_though_it_is_alone(
    outbox: Table, rig: Rig
) -> None:
    outbox.write(rig.nobody, {FIELD: "a"}, 1)
    with pytest.raises(AirflowException):
        push(context(span(1, 1)), sql_conn_id="app")
    assert outbox.marks() == {1: "rejected"}


@pytest.mark.parametrize("announced", ["delivered already", "nothing left", "none"])
def test_g2_rows_that_were_not_read_get_no_mark_whatever_else_the_run_brings(
    outbox: Table, rig: Rig, tmp_path: Path, announced: str
) -> None:
    """Case 23a: a file's first records are at positions 1, 2, 3, too."""
    keys = rig.all_keys()
    for number in (1, 2, 3):
        outbox.write(keys[number], {FIELD: f"row {number}"}, number)
    more = {"delivered": "pushed"} if announced == "delivered already" else {}
    outbox.write(keys[4], {"unknown": "x"} if announced == "nothing left" else {FIELD: "row 4"}, 4, **more)
    spans = [] if announced == "none" else [span(4, 4)]
    path = file(tmp_path, "a.jsonl", *(rig.change(keys[number], f"file {number}") for number in (5, 6, 7)))
    change = rig.change(keys[8], "change")
    records = from_events(mapping=[FIELD])
    push(context(*spans, {"records": path}, {"records": [change]}), records=records, sql_conn_id="app")
    assert [outbox.marks()[number] for number in (1, 2, 3)] == [None] * 3
    assert [rig.held()[keys[number]] for number in (5, 8)] == ["file 5", "change"]
    push(context(), records=records, sql_conn_id="app")
    assert [rig.held(FIELD)[keys[number]] for number in (1, 2, 3)] == ["row 1", "row 2", "row 3"]


def test_g2_every_mark_is_that_of_its_own_row(outbox: Table, rig: Rig, tmp_path: Path) -> None:
    """Rows, files and changes that end in different verdicts, and gaps in the numbers."""
    keys = rig.all_keys()
    outbox.write(keys[0], {FIELD: "row"}, 2)
    outbox.write(rig.nobody, {FIELD: "row"}, 5)
    outbox.write(keys[1], {FIELD: "not announced"}, 6)
    bad, good = rig.change(rig.nobody, "x"), rig.change(keys[2], "x")
    paths = [file(tmp_path, "a.jsonl", bad, good, good), file(tmp_path, "b.jsonl", good, bad)]
    with pytest.raises(AirflowException):
        push(context(span(1, 5), {"records": paths}, {"records": [bad]}), sql_conn_id="app")
    assert outbox.marks() == {2: "pushed", 5: "rejected", 6: None}
