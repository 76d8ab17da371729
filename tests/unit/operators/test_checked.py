"""What is wrong where a DAG is parsed fails there, by its name; what is known later is left alone."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import DAG, task
from sixth_vendor.operator import AcmePushProfilesOperator

from airflow_profile_provider.decorators import push_profiles
from airflow_profile_provider.errors import ConfigurationError
from airflow_profile_provider.operators.agilenow import AgileNowPushProfilesOperator
from airflow_profile_provider.operators.communifire import CommunifirePushProfilesOperator
from airflow_profile_provider.operators.events import from_events
from airflow_profile_provider.operators.lightfield import LightfieldPushProfilesOperator
from airflow_profile_provider.operators.ocamba import OcambaPushProfilesOperator
from airflow_profile_provider.operators.sonoran import SonoranPushProfilesOperator

SOURCE: dict[str, Any] = {"records": "people.csv", "key": "id", "fields": ["comment"]}
LATER = "{{ params.later }}"

Make = Callable[..., Any]


def made(operator: Make = OcambaPushProfilesOperator, **arguments: Any) -> Any:
    """Make a task, as a DAG's file does."""
    with DAG("parsed", schedule=None):
        return operator(**{"task_id": "push", **SOURCE, **arguments})


WRONG: list[tuple[Make, dict[str, Any], str]] = [
    (OcambaPushProfilesOperator, {"partition": (0, 1, 3)}, r"partition must be \(i, n\)"),
    (OcambaPushProfilesOperator, {"partition": (4, 4)}, r"partition must be \(i, n\)"),
    (OcambaPushProfilesOperator, {"quota": "10 a second"}, "quota .* is not of the form"),
    (OcambaPushProfilesOperator, {"max_failed": "many"}, "max_failed must be a count or a share"),
    (OcambaPushProfilesOperator, {"max_failed": "101%"}, "max_failed must be a count or a share up to"),
    (OcambaPushProfilesOperator, {"max_changes": -1}, "max_changes must be a count or a share"),
    (
        OcambaPushProfilesOperator,
        {"action": "pusk"},
        "action must be one of push, plan, baseline, audit, repair, not 'pusk'",
    ),
    (OcambaPushProfilesOperator, {"action": "baseline"}, "name one: ledger_conn_id"),
    (OcambaPushProfilesOperator, {"nulls": "drop"}, "nulls must be one of clear, skip, invalid"),
    (OcambaPushProfilesOperator, {"if_empty": "warn"}, "if_empty must be one of fail, ok"),
    (
        OcambaPushProfilesOperator,
        {"if_duplicate": "first"},
        "if_duplicate must be one of last, ",
    ),
    (OcambaPushProfilesOperator, {"on_absent": "delete", "ledger_conn_id": "l"}, "on_absent must be"),
    (OcambaPushProfilesOperator, {"on_absent": "report"}, "on_absent asks a ledger"),
    (OcambaPushProfilesOperator, {"on_absent": {"lists": None}, "ledger_conn_id": "l"}, "on_absent: .*null"),
    (
        AgileNowPushProfilesOperator,
        {"fields": ["Email"], "on_absent": {"IsActive": False}, "ledger_conn_id": "l"},
        "Is_Active",
    ),
    (OcambaPushProfilesOperator, {"max_absent": "some"}, "max_absent must be a count or a share"),
    (
        OcambaPushProfilesOperator,
        {"records": from_events(), "key": None, "fields": None, "on_absent": "report", "ledger_conn_id": "l"},
        "on_absent is for tables",
    ),
    (
        OcambaPushProfilesOperator,
        {"records": from_events(), "key": None, "fields": None, "if_duplicate": "fail"},
        'if_duplicate="fail" is for tables',
    ),
    (OcambaPushProfilesOperator, {"key_type": "email"}, "key_type must be one of id, not 'email'"),
    (OcambaPushProfilesOperator, {"key": None}, r"name the column of the key as well \(key=\)"),
    (OcambaPushProfilesOperator, {"fields": 3}, "fields must be a mapping"),
    (OcambaPushProfilesOperator, {"fields": []}, "fields maps columns to send"),
    (
        OcambaPushProfilesOperator,
        {"sql": "select 1", "sql_conn_id": "w"},
        "either records or sql, and not both",
    ),
    (OcambaPushProfilesOperator, {"records": None}, "either records or sql"),
    (OcambaPushProfilesOperator, {"records": None, "sql": "select 1"}, "sql and sql_conn_id go together"),
    (OcambaPushProfilesOperator, {"records": b"people"}, "records must be a list or a path, not bytes"),
    (
        OcambaPushProfilesOperator,
        {"concurrency": "4"},
        "concurrency is text and no template: write concurrency=4",
    ),
    (OcambaPushProfilesOperator, {"concurrency": 0}, "concurrency must be a whole number from 1"),
    (OcambaPushProfilesOperator, {"batch_size": 2}, "batch_size must be 1 to 1"),
    (OcambaPushProfilesOperator, {"doubt_seconds": -1}, "doubt_seconds must be a number of seconds"),
    (OcambaPushProfilesOperator, {"doubt_seconds": "soon"}, "doubt_seconds is text and no template"),
    (OcambaPushProfilesOperator, {"ignore_ledger": "false"}, "ignore_ledger is text and no template"),
    (OcambaPushProfilesOperator, {"resume": "no"}, "resume is text and no template: write resume=no"),
    (OcambaPushProfilesOperator, {"deferrable": 2}, "deferrable must be true or false"),
    (OcambaPushProfilesOperator, {"rejects_path": ""}, "rejects_path is empty text"),
    (AgileNowPushProfilesOperator, {"fields": {"Emial": "mail"}}, r"no field 'Emial' \(did you mean 'Email'"),
    (
        AgileNowPushProfilesOperator,
        {"fields": ["Email"], "write": "patch"},
        "write must be one of merge, put",
    ),
    (
        AgileNowPushProfilesOperator,
        {"fields": ["Email"], "write": "put", "changed_fields_only": True},
        "changed_fields_only might lose fields",
    ),
    (CommunifirePushProfilesOperator, {"mode": "insert"}, "mode must be one of update, upsert, create"),
    (
        CommunifirePushProfilesOperator,
        {"mode": "create", "key_type": "UserID"},
        'mode="create" creates users',
    ),
    (
        CommunifirePushProfilesOperator,
        {"identifier_fields": "yes"},
        "identifier_fields is text and no template",
    ),
    (LightfieldPushProfilesOperator, {"relationships": ["$owner"]}, "relationships must be a mapping"),
    (
        LightfieldPushProfilesOperator,
        {"fields": None, "relationships": {"$owner": {"add": "owner"}}},
        "relationships names columns",
    ),
    (SonoranPushProfilesOperator, {"key_type": "Discord"}, "key_type must be one of accId"),
]


@pytest.mark.parametrize(("operator", "arguments", "words"), WRONG, ids=lambda value: str(value)[:60])
def test_a_mistake_fails_where_the_dag_is_parsed(
    operator: Make, arguments: dict[str, Any], words: str
) -> None:
    with pytest.raises(ConfigurationError, match=words) as failed:
        made(operator, **arguments)
    assert str(failed.value).endswith(" (task push)")


LEFT: list[dict[str, Any]] = [
    dict.fromkeys(
        "key fields key_type nulls partition if_empty max_failed max_changes quota concurrency batch_size "
        "write doubt_seconds ignore_ledger resume deferrable action rejects_path null_values version only "
        "records max_record_bytes if_duplicate on_absent max_absent scope absent_path".split(),
        LATER,
    ),
    {"fields": {"Email": LATER}},
    {"fields": {LATER: "mail"}},
    {"fields": ["Email"], "key": LATER},
    {"fields": LATER, "key": None},
    {"records": None, "sql": LATER, "sql_conn_id": LATER},
    {"records": None, "sql": "people.sql", "sql_conn_id": "warehouse"},
    {"records": None, "if_empty": "ok"},
    {"records": from_events(), "sql_conn_id": "outbox", "key": None, "fields": None},
    {"records": [], "key": None, "fields": None},
    {"key": "id", "fields": None},
    {"action": "baseline", "ledger_conn_id": LATER},
    {"action": LATER, "ledger_conn_id": None},
    {
        "doubt_seconds": timedelta(minutes=1),
        "max_failed": "1%",
        "quota": "none",
        "rejects_path": Path("/tmp/x"),
    },
]


@pytest.mark.parametrize("arguments", LEFT, ids=lambda value: ",".join(value)[:60])
def test_what_is_right_or_known_later_is_left_to_the_push(arguments: dict[str, Any]) -> None:
    assert made(AgileNowPushProfilesOperator, **{"fields": ["Email"], **arguments}).task_id == "push"


def test_another_tasks_output_is_left_to_the_push() -> None:
    with DAG("parsed", schedule=None):

        @task
        def found() -> Any:
            return None

        given = found()
        names = (
            "records",
            "key",
            "fields",
            "nulls",
            "partition",
            "concurrency",
            "action",
            "max_failed",
            "quota",
        )
        push = OcambaPushProfilesOperator(task_id="push", **dict.fromkeys(names, given))
    assert push.upstream_task_ids == {"found"}


def test_what_partial_got_is_checked_where_the_dag_is_parsed() -> None:
    with pytest.raises(ConfigurationError, match=r"nulls must be one of .* \(task push\)"):
        made(OcambaPushProfilesOperator.partial, nulls="drop")


QUERIED: dict[str, Any] = {"records": None, "sql": "select 1", "sql_conn_id": "warehouse"}


@pytest.mark.parametrize("values", [{"country": "fi"}, ["fi"]])
def test_parameters_may_stand_in_partial(values: Any) -> None:
    with DAG("parsed", schedule=None):
        partial = OcambaPushProfilesOperator.partial(
            **{"task_id": "push", **SOURCE, **QUERIED, "parameters": values}
        )
        mapped = partial.expand(partition=[(0, 2), (1, 2)])
    assert type(values)(mapped.partial_kwargs["parameters"].parameters) == values


def test_parameters_may_be_default_arguments_of_several_tasks() -> None:
    with DAG("parsed", schedule=None, default_args={"parameters": {"country": "fi"}}) as dag:
        for name in ("a", "b"):
            OcambaPushProfilesOperator(**{"task_id": name, **SOURCE, **QUERIED})
    assert [task.parameters.parameters for task in dag.tasks] == [{"country": "fi"}] * 2


def test_what_partial_did_not_get_may_come_by_expand() -> None:
    with DAG("parsed", schedule=None):
        partial = OcambaPushProfilesOperator.partial(task_id="push", fields=["comment"])
        mapped = partial.expand(key=["a", "b"], records=["x.csv", "{{ params.file }}"])
    assert mapped.task_id == "push"


@pytest.mark.parametrize(
    ("mapped", "words"),
    [({"partition": [(0, 2), (2, 2)]}, "partition must be"), ({"sql": ["select 1"]}, "records or sql")],
)
def test_what_is_mapped_is_checked_where_it_is_known(mapped: dict[str, Any], words: str) -> None:
    partial = made(OcambaPushProfilesOperator.partial)
    with pytest.raises(ConfigurationError, match=words):
        partial.expand(**mapped)


def test_sets_of_mapped_arguments_are_checked_where_they_are_known() -> None:
    partial = made(OcambaPushProfilesOperator.partial)
    with pytest.raises(ConfigurationError, match="concurrency must be a whole number"):
        partial.expand_kwargs([{"concurrency": 1}, {"concurrency": 0}])


GONE: dict[str, Any] = {"on_absent": {"comment": "gone"}, "ledger_conn_id": "ledger"}


@pytest.mark.parametrize("way", ["expand", "expand_kwargs", "on_absent mapped", "default arguments"])
def test_leavers_are_looked_for_in_mapped_tasks_only_where_each_reads_the_whole(way: str) -> None:
    defaults = GONE if way == "default arguments" else {}
    given = {} if way in {"default arguments", "on_absent mapped"} else GONE
    with DAG("parsed", schedule=None, default_args=defaults):
        partial = OcambaPushProfilesOperator.partial(
            task_id="push", key="id", fields=["comment"], **{"ledger_conn_id": "ledger", **given}
        )
        with pytest.raises(ConfigurationError, match=r"on_absent in a mapped task: .*\(task push\)"):
            if way == "expand_kwargs":
                partial.expand_kwargs([{"records": "a.csv", "partition": (0, 1)}, {"records": "a.csv"}])
            elif way == "on_absent mapped":
                partial.expand(on_absent=["ignore", "report"], records=["a.csv"])
            else:
                partial.expand(records=["a.csv", "b.csv"])


@pytest.mark.parametrize(
    ("given", "mapped"),
    [
        (GONE, {"partition": [(0, 2), (1, 2)]}),
        (GONE, {"records": ["a.csv", "b.csv"], "scope": ["a", "b"]}),
        ({**GONE, "scope": "{{ map_index_template }}"}, {"records": ["a.csv", "b.csv"]}),
        ({**GONE, "on_absent": LATER}, {"records": ["a.csv", "b.csv"]}),
        ({**GONE, "on_absent": "ignore"}, {"records": ["a.csv", "b.csv"]}),
    ],
)
def test_mapped_tasks_may_look_for_leavers_where_that_may_be_right(
    given: dict[str, Any], mapped: dict[str, Any]
) -> None:
    with DAG("parsed", schedule=None):
        source = {name: value for name, value in SOURCE.items() if name not in mapped}
        task = OcambaPushProfilesOperator.partial(task_id="push", **source, **given).expand(**mapped)
    assert task.task_id == "push"


def test_a_mapped_function_looks_for_leavers_only_with_a_scope() -> None:
    def people(country: str) -> list[dict[str, Any]]:
        return []

    how = {"key": "id", "fields": ["comment"], **GONE}
    with DAG("parsed", schedule=None):
        with pytest.raises(ConfigurationError, match=r"on_absent in a mapped task"):
            push_profiles("ocamba", **how)(people).expand(country=["fi", "se"])
        push_profiles("ocamba", scope="{{ map_index_template }}", **how)(people).expand(country=["fi"])


def test_a_function_that_gives_the_records_is_their_source() -> None:
    def people() -> list[dict[str, Any]]:
        return []

    with DAG("parsed", schedule=None):
        push_profiles("ocamba", key="id", fields=["comment"])(people)()
        with pytest.raises(ConfigurationError, match="quota"):
            push_profiles("ocamba", key="id", fields=["comment"], quota="fast")(people)()


def test_default_arguments_of_the_dag_are_checked_with_the_others() -> None:
    with DAG("parsed", schedule=None, default_args={"key": "id", "nulls": "drop"}):
        with pytest.raises(ConfigurationError, match="nulls must be one of"):
            OcambaPushProfilesOperator(task_id="push", records=[], fields=["comment"])
        assert (
            OcambaPushProfilesOperator(task_id="other", records=[], fields=["comment"], nulls="skip").key
            == "id"
        )


def test_another_vendors_operator_is_checked_without_its_rules() -> None:
    assert made(AcmePushProfilesOperator, key_type="badge", fields=["nick"]).key_type == "badge"
    with pytest.raises(ConfigurationError, match="partition must be"):
        made(AcmePushProfilesOperator, partition=(1, 1))
