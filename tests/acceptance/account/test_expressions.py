"""Fields that expressions make: from every kind of source, in operators, hooks and tasks, with a ledger."""

from __future__ import annotations

import copy
import json
import pickle
import sqlite3
from collections.abc import Callable
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from airflow.sdk import DAG

from airflow_profile_provider.decorators import push_profiles
from airflow_profile_provider.errors import ConfigurationError, SourceError
from airflow_profile_provider.fields import const, first_of, from_json, hashed, joined, lookup
from airflow_profile_provider.operators.ocamba import OcambaPushProfilesOperator

from .scene import CANARY, QuickHook, Scene
from .test_arguments import Ti
from .test_conventions import stored

ROWS = [
    {
        "id": "1",
        "first": "Ada",
        "last": "King",
        "mail": "Ada@Example.com ",
        "home": None,
        "work": "+44 1",
        "l": "[1]",
    },
    {"id": "2", "first": "Zoë", "last": None, "mail": None, "home": "+33 2", "work": "+44 2", "l": None},
]
FIELDS: dict[str, Any] = {
    "comment": const(CANARY),
    "full_name": joined("{} {}", "first", "last"),
    "email": hashed("mail", normalize="email"),
    "mobile_phone_number": first_of("home", "work"),
    "organization_id": lookup("id", {"1": "en", "2": "fr"}),
    "lists": from_json("l"),
}
MADE = {
    "1": {
        "comment": CANARY,
        "full_name": "Ada King",
        "email": sha256(b"ada@example.com").hexdigest(),
        "mobile_phone_number": "+44 1",
        "organization_id": "en",
        "lists": ["1"],
    },
    "2": {"comment": CANARY, "mobile_phone_number": "+33 2", "organization_id": "fr"},
}


def as_list(path: Path) -> dict[str, Any]:
    return {"records": ROWS}


def as_csv(path: Path) -> dict[str, Any]:
    import csv

    with (path / "rows.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, ROWS[0])
        writer.writeheader()
        writer.writerows(ROWS)
    return {"records": path / "rows.csv"}


def as_jsonl(path: Path) -> dict[str, Any]:
    (path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    return {"records": path / "rows.jsonl"}


def as_parquet(path: Path) -> dict[str, Any]:
    pq.write_table(pa.Table.from_pylist(ROWS), path / "rows.parquet")
    return {"records": path / "rows.parquet"}


def as_table(path: Path) -> dict[str, Any]:
    return {"records": pa.Table.from_pylist(ROWS)}


def as_query(path: Path) -> dict[str, Any]:
    with closing(sqlite3.connect(path / "app.db")) as connection, connection:
        connection.execute("create table if not exists people (id, first, last, mail, home, work, l)")
        connection.execute("delete from people")
        connection.executemany(
            "insert into people values (?,?,?,?,?,?,?)", [tuple(row.values()) for row in ROWS]
        )
    return {"sql": "select * from people", "sql_conn_id": "app"}


@pytest.mark.parametrize("ledger", [None, "ledger"])
@pytest.mark.parametrize("source", [as_list, as_csv, as_jsonl, as_parquet, as_table, as_query])
def test_the_same_values_come_from_every_source(
    scene: Scene, source: Callable[[Path], dict[str, Any]], ledger: str | None
) -> None:
    scene.setenv(
        "AIRFLOW_CONN_APP", json.dumps({"conn_type": "sqlite", "host": str(scene.folder / "app.db")})
    )
    given = source(scene.folder)
    report = QuickHook().push(
        given.pop("records", None), key="id", fields=FIELDS, nulls="skip", ledger_conn_id=ledger, **given
    )
    assert report.pushed == 2
    assert {key: scene.vendor.profiles[key] for key in MADE} == MADE


def test_a_column_that_an_expression_needs_is_named_where_it_is_missing(scene: Scene) -> None:
    ended = scene.push([{"id": "1", "first": "Ada"}], key="id", fields={"full_name": FIELDS["full_name"]})
    assert isinstance(ended.error, SourceError)
    assert "have no column 'last'" in str(ended.error)


def test_what_makes_no_value_is_invalid_and_stays_in_the_rejects_as_its_row(scene: Scene) -> None:
    rows = [{"id": "1", "l": "[", "n": 1}, {"id": "2", "l": "[]", "n": 2}]
    ended = scene.push(rows, key="id", fields={"lists": from_json("l"), "comment": "n"})
    assert ended.report is not None, ended.said
    assert (ended.report.pushed, ended.report.invalid) == (1, 1)
    (line,) = ended.rejects
    assert line["row"] == rows[0]
    assert "field lists: column l holds text that is not JSON" in line["reason"]
    line["row"]["l"] = '["x"]'
    (scene.folder / "again.jsonl").write_text(json.dumps(line))
    again = scene.push(
        str(scene.folder / "again.jsonl"), key="id", fields={"lists": from_json("l"), "comment": "n"}
    )
    assert again.report is not None and again.report.pushed == 1, again.said
    assert scene.vendor.profiles["1"]["lists"] == ["x"]


def test_an_invalid_row_that_a_later_one_overtook_does_not_undo_it_when_it_is_replayed(scene: Scene) -> None:
    rows = [{"id": "1", "l": "[", "n": "old"}, {"id": "1", "l": '["new"]', "n": "new"}]
    fields = {"lists": from_json("l"), "comment": "n"}
    ended = scene.push(rows, key="id", fields=fields, ledger_conn_id=None)
    assert ended.report is not None and ended.report.pushed == 1, ended.said
    (line,) = ended.rejects
    assert line["row"] == {"id": "1"}


# -- a ledger -----------------------------------------------------------------------------------------------


def test_the_ledger_goes_by_results(scene: Scene) -> None:
    """Another spelling of the source or of the expression sends nothing; another result sends it."""
    rows = [{"id": "1", "l": '["a","b"]', "first": "Ada", "last": "King"}]
    first = {"lists": from_json("l"), "full_name": joined("{} {}", "first", "last")}
    assert scene.push(rows, key="id", fields=first).report.pushed == 1  # type: ignore[union-attr]
    spaced = [{**rows[0], "l": '[ "a", "b" ]'}]
    assert scene.push(spaced, key="id", fields=first).report.unchanged == 1  # type: ignore[union-attr]
    other = {**first, "full_name": joined("{first} {last}", "first", "last")}
    assert scene.push(rows, key="id", fields=other).report.unchanged == 1  # type: ignore[union-attr]
    changed = {**first, "full_name": joined("{last}, {first}", "first", "last")}
    assert scene.push(rows, key="id", fields=changed).report.pushed == 1  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("before", "after"),
    [(const("a"), const("b")), (const("1"), const(1)), (lookup("id", {1: "a"}), lookup("id", {1: "b"}))],
)
def test_another_constant_of_equal_rows_is_sent(scene: Scene, before: Any, after: Any) -> None:
    """Also where a row is known by its fingerprint alone, as those of tables are."""
    table = pa.Table.from_pylist([{"id": "1"}])
    sent: dict[str, Any] = {"key": "id", "nulls": "skip"}
    first = scene.push(table, fields={"comment": before}, **sent).report
    second = scene.push(table, fields={"comment": after}, **sent).report
    assert first is not None and second is not None
    assert (first.pushed, second.pushed + second.unchanged) == (1, 1)
    assert scene.vendor.profiles["1"]["comment"] == ("b" if second.pushed else "1")


# -- Airflow ------------------------------------------------------------------------------------------------


def test_a_dag_with_expressions_is_stored_without_their_values(scene: Scene) -> None:
    given = {"records": "people.csv", "key": "id", "nulls": "skip", "fields": FIELDS}
    with DAG("d", schedule=None, default_args={"fields": FIELDS}) as dag:
        OcambaPushProfilesOperator(task_id="one", **given)
        OcambaPushProfilesOperator.partial(task_id="many", key="id", fields=FIELDS).expand(
            records=["a.csv", "b.csv"]
        )
        OcambaPushProfilesOperator.partial(task_id="each", key="id", records="a.csv").expand(
            fields=[FIELDS, FIELDS]
        )
        push_profiles("ocamba", key="id", fields=FIELDS)(list)()
    text = stored(dag)
    assert CANARY not in text
    assert "joined('{} {}', 'first', 'last')" in text


def test_expressions_survive_copies_of_a_task(scene: Scene) -> None:
    with DAG("d", schedule=None):
        push = OcambaPushProfilesOperator(task_id="push", records="people.csv", key="id", fields=FIELDS)
    assert copy.deepcopy(push).fields == FIELDS
    assert pickle.loads(pickle.dumps(FIELDS)) == FIELDS


def run(scene: Scene, operator: Any, **context: Any) -> dict[str, Any]:
    context = {"ti": Ti(), "params": {}, **context}
    operator.render_template_fields(context)
    report: dict[str, Any] = operator.execute(context)
    return report


def test_the_texts_within_an_expression_are_templates(scene: Scene) -> None:
    fields = {
        "comment": const("of {{ params.day }}"),
        "full_name": joined("{} {{ params.day }}", "{{ params.column }}"),
        "organization_id": lookup("id", {"1": "{{ params.day }}"}),
        "lists": const(["{{ params.day }}"]),
    }
    with DAG("d", schedule=None):
        push = OcambaPushProfilesOperator(task_id="push", records=ROWS[:1], key="id", fields=fields)
    assert run(scene, push, params={"day": "Monday", "column": "first"})["pushed"] == 1
    held = scene.vendor.profiles["1"]
    assert {name: held[name] for name in fields} == {
        "comment": "of Monday",
        "full_name": "Ada Monday",
        "organization_id": "Monday",
        "lists": ["Monday"],
    }
    assert fields["comment"] == const("of {{ params.day }}")  # the DAG's own is as it was


def test_expressions_may_come_from_a_template_as_json(scene: Scene) -> None:
    with DAG("d", schedule=None):
        push = OcambaPushProfilesOperator(
            task_id="push", records=ROWS[:1], key="id", fields="{{ params.fields | tojson }}"
        )
    fields = {"full_name": {"joined": ["{} {}", "first", "last"]}}
    assert run(scene, push, params={"fields": fields})["pushed"] == 1
    assert scene.vendor.profiles["1"]["full_name"] == "Ada King"


def test_a_mapped_task_and_a_function_push_expressions(scene: Scene) -> None:
    fields = {"full_name": FIELDS["full_name"]}
    with DAG("d", schedule=None):
        mapped = OcambaPushProfilesOperator.partial(task_id="m", key="id", fields=fields).expand(
            records=[ROWS[:1]]
        )
        function: Any = push_profiles("ocamba", key="id", fields=fields)(lambda: ROWS[:1])
        pushed = function.override(task_id="f")().operator
    assert run(scene, mapped.unmap({"records": ROWS[:1]}))["pushed"] == 1
    assert scene.vendor.profiles["1"].pop("full_name") == "Ada King"
    assert run(scene, pushed)["pushed"] == 1
    assert scene.vendor.profiles["1"]["full_name"] == "Ada King"


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        (
            {"comment": lambda row: row},
            "to an expression of airflow_profile_provider.fields, not to function",
        ),
        ({"comment": {"call": "x"}}, "an object that is no expression"),
        ({"email": const(["x"])}, "field email: a value of const must be a string"),
        ({"email": lookup("id", {"1": {}})}, "field email: a value of lookup must be a string"),
        ({"email": const(None)}, 'field email: a value of const is null; nulls="skip"'),
    ],
)
def test_what_no_row_can_make_right_is_refused_when_the_dag_is_parsed(fields: Any, why: str) -> None:
    with DAG("d", schedule=None), pytest.raises(ConfigurationError, match=why):
        OcambaPushProfilesOperator(task_id="push", records="people.csv", key="id", fields=fields)


def test_a_hook_renders_no_template_and_says_so(scene: Scene) -> None:
    ended = scene.push(ROWS, key="id", fields={"full_name": joined("{} {{ ds }}", "first")})
    assert isinstance(ended.error, ConfigurationError)
    assert "which only an operator renders" in str(ended.error)


def test_a_plan_names_the_expressions_and_no_value(scene: Scene) -> None:
    with DAG("d", schedule=None):
        push = OcambaPushProfilesOperator(
            task_id="p", records=ROWS, key="id", fields=FIELDS, nulls="skip", action="plan"
        )
    ti = Ti()
    push.execute({"ti": ti})  # type: ignore[typeddict-item]
    summary = ti.xcoms["plan_summary"]
    assert "| `full_name`: `joined('{} {}', 'first', 'last')` | 1 |" in summary
    assert "| `comment`: `const(…)` | 2 |" in summary
    assert CANARY not in summary
