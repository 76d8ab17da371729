"""Cases 5, 15 and 16: arguments mean what they mean for Airflow's own operators, or are refused by name."""

from __future__ import annotations

import json
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException
from airflow.sdk import DAG, TaskGroup
from own_airflow import serialized

from airflow_profile_provider.errors import ConfigurationError
from airflow_profile_provider.operators.communifire import CommunifirePushProfilesOperator
from airflow_profile_provider.operators.lightfield import LightfieldPushProfilesOperator
from airflow_profile_provider.operators.ocamba import OcambaPushProfilesOperator
from airflow_profile_provider.push.options import PushOptions

from .scene import CANARY, Scene

NOTHING = ["", " \n", "None", "none ", "null", "nan"]
OPERATOR = {"max_failed", "resume", "deferrable", "ocamba_conn_id"}
ARGUMENTS = sorted({*PushOptions.__dataclass_fields__, *OPERATOR} - {"relationships", "sql", "sql_conn_id"})


class Ti:
    """The part of a task instance that is needed."""

    dag_id, task_id, run_id, try_number, map_index = "d", "t", "r", 1, -1

    def __init__(self) -> None:
        self.xcoms: dict[str, Any] = {}

    def xcom_push(self, key: str, value: Any) -> None:
        self.xcoms[key] = value


def run(scene: Scene, **options: Any) -> tuple[Ti, AirflowException | None]:
    """Run the operator as a task would, whose arguments are rendered by now."""
    options = {"records": scene.changes[:2], "task_id": "t", **options, "_airflow_from_mapped": True}
    ti = Ti()
    try:
        OcambaPushProfilesOperator(**options).execute({"ti": ti})
    except AirflowException as error:
        return ti, error
    return ti, None


@pytest.mark.parametrize("nothing", NOTHING)
@pytest.mark.parametrize("argument", ARGUMENTS)
def test_text_that_was_made_of_nothing_is_refused(scene: Scene, argument: str, nothing: str) -> None:
    """Case 16a and its kin: one error that names the argument, for good, and nothing is sent."""
    if (argument, nothing) == ("quota", "none "):
        return  # which lifts the limits
    ti, error = run(scene, **{argument: nothing})
    assert isinstance(error, AirflowFailException), error
    assert ti.xcoms["return_value"]["complete"] is False
    assert argument in str(error)
    assert scene.vendor.requests == []


@pytest.mark.parametrize("argument", sorted({*PushOptions.__dataclass_fields__} - {"relationships"}))
@pytest.mark.parametrize(
    "wrong", [object(), b"bytes", ["a", {"b": CANARY}], {"a": [CANARY]}, f"[{CANARY}]\n"]
)
def test_no_argument_ends_in_a_foreign_error(scene: Scene, argument: str, wrong: Any) -> None:
    """Case 15: never a TypeError or an AttributeError, and never the value itself."""
    ended = scene.push(scene.changes[:2], **{argument: wrong})
    assert ended.error is None or type(ended.error).__module__ == "airflow_profile_provider.errors"
    assert CANARY not in str(ended.error)


@pytest.mark.parametrize(
    ("argument", "given", "meant"),
    [
        ("concurrency", "4", 4),
        ("concurrency", " 4\n", 4),
        ("batch_size", 1.0, 1),
        ("max_record_bytes", "1000", 1000),
        ("ignore_ledger", "false", False),
        ("ignore_ledger", "True", True),
        ("plan_values", 0, False),
        ("partition", "(0, 4)", (0, 4)),
        ("partition", ["1", "2"], (1, 2)),
        ("fields", '["a", "b"]', ["a", "b"]),
        ("fields", "{'a': 'b'}", {"a": "b"}),
        ("action", " plan ", "plan"),
        ("quota", "none", "none"),
        ("key", " id", " id"),
    ],
)
def test_text_is_read_as_it_was_meant(argument: str, given: Any, meant: Any) -> None:
    """Case 15d and the argument half of 15."""
    read = PushOptions.read({**dict.fromkeys(PushOptions.__dataclass_fields__), "key": "id", argument: given})
    assert getattr(read, argument) == meant


@pytest.mark.parametrize(
    ("argument", "given"),
    [
        ("concurrency", "four"),
        ("concurrency", 0),
        ("batch_size", "2.5"),
        ("batch_size", True),
        ("ignore_ledger", "maybe"),
        ("partition", "(4, 4)"),
        ("fields", "email"),
        ("fields", {"email": None}),
        ("max_changes", True),
    ],
)
def test_what_cannot_be_meant_is_refused_by_name(argument: str, given: Any) -> None:
    """One ConfigurationError that names the argument."""
    with pytest.raises(ConfigurationError, match=argument):
        PushOptions.read({**dict.fromkeys(PushOptions.__dataclass_fields__), argument: given})


def test_records_that_rendered_to_text_are_refused_and_hidden(scene: Scene) -> None:
    """Case 5b: not in the error, and not among the rendered fields."""
    operator = OcambaPushProfilesOperator(task_id="t", records="{{ extracted }}", key="{{ extracted }}")
    extracted = [{"key": "1", "fields": {"comment": CANARY}}]
    operator.render_template_fields({"extracted": extracted})
    assert CANARY not in repr({name: getattr(operator, name) for name in operator.template_fields})
    operator.key = None
    with pytest.raises(AirflowFailException, match="native") as caught:
        operator.execute({"ti": Ti()})
    assert CANARY not in str(caught.value)


def test_natively_rendered_records_are_pushed(scene: Scene) -> None:
    """The remedy that the error names."""
    with DAG("d", schedule=None, render_template_as_native_obj=True):
        operator = OcambaPushProfilesOperator(
            task_id="t", records="{{ extracted }}", concurrency="{{ many }}"
        )
    operator.render_template_fields({"extracted": scene.changes[:2], "many": 2})
    assert repr(operator.records) == "<2 records>"
    assert operator.execute({"ti": Ti()})["pushed"] == 2


def test_records_of_mapped_tasks_stay_out_of_the_serialized_dag() -> None:
    """Case 5c, wherever they are given."""
    records = [{"key": "1", "fields": {"comment": CANARY}}]
    with DAG("d", schedule=None) as dag:
        OcambaPushProfilesOperator.partial(task_id="a", records=records).expand(ocamba_conn_id=["a", "b"])
        OcambaPushProfilesOperator.partial(task_id="b").expand(records=[records, records])
        OcambaPushProfilesOperator.partial(task_id="c").expand_kwargs([{"records": records}])
        OcambaPushProfilesOperator(task_id="d", records=records)
        OcambaPushProfilesOperator(task_id="g", default_args={"records": records})
        with TaskGroup("h", default_args={"records": records}):
            OcambaPushProfilesOperator.partial(task_id="i").expand(ocamba_conn_id=["a", "b"])
    assert CANARY not in json.dumps(serialized(dag), default=str)


@pytest.mark.parametrize("form", [list, str])
@pytest.mark.parametrize("argument", ["only", "fields", "rejects_path", "parameters", "quota", "key"])
def test_records_in_another_argument_are_refused_where_the_dag_is_parsed(argument: str, form: Any) -> None:
    """Case 5c: and nothing of them is said."""
    records = [{"key": "1", "fields": {"comment": CANARY}}]
    given: dict[str, Any] = {"records": records, argument: form(records)}
    push = OcambaPushProfilesOperator
    for make in (
        lambda: push(task_id="d", **given),
        lambda: push.partial(task_id="e", **given).expand(ocamba_conn_id=["a"]),
        lambda: push.partial(task_id="f").expand_kwargs([given]),
    ):
        with pytest.raises(ConfigurationError, match=argument) as failed:
            make()
        assert CANARY not in str(failed.value)


@pytest.mark.parametrize("kind", ["bytes", "frame", "series"])
def test_what_are_no_records_or_fields_is_refused_by_its_type(scene: Scene, kind: str) -> None:
    """Case 5: neither its text nor a part of it is shown; the error names the way."""
    if kind == "bytes":
        given: Any = CANARY.encode()
    else:
        pandas = pytest.importorskip("pandas")
        given = pandas.DataFrame({"a": [CANARY]}) if kind == "frame" else pandas.Series([CANARY])
    for argument in ("records", "fields") if kind != "frame" else ("fields",):
        _, error = run(scene, key="id", **{argument: given})
        assert isinstance(error, AirflowFailException)
        assert argument in str(error)
        assert CANARY not in str(error)


def test_every_argument_but_callbacks_is_a_template_field() -> None:
    """Case 16: also the connection, the numbers, and the vendors' own options."""
    for operator, own in (
        (OcambaPushProfilesOperator, {"ocamba_conn_id"}),
        (CommunifirePushProfilesOperator, {"communifire_conn_id", "mode", "identifier_fields"}),
        (LightfieldPushProfilesOperator, {"lightfield_conn_id", "relationships"}),
    ):
        templated = set(operator.template_fields)
        assert own <= templated
        assert set(PushOptions.__dataclass_fields__) - {"relationships"} <= templated


def test_a_retry_policy_of_default_args_is_the_tasks() -> None:
    """Case 16: default_args mean what they mean for other operators."""
    from airflow_profile_provider.operators.outcome import push_retry_policy

    if push_retry_policy() is None:
        pytest.skip("Airflow 3.3 brought retry policies")
    mine = type(push_retry_policy())()
    with DAG(
        "d",
        schedule=None,
        default_args={"retry_policy": mine, "rejects_path": "/r/", "ocamba_conn_id": "other"},
    ):
        operator = OcambaPushProfilesOperator(task_id="t", records=[])
    assert operator.retry_policy is mine
    assert (operator.rejects_path, operator.ocamba_conn_id) == ("/r/", "other")


def test_a_connection_that_is_not_there_fails_for_good(scene: Scene) -> None:
    """A retry finds no connection either."""
    _, error = run(scene, ocamba_conn_id="nowhere")
    assert isinstance(error, AirflowFailException)
    assert "nowhere" in str(error)
