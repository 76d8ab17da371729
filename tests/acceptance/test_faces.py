"""The names and the shape of hooks and operators, equal for every vendor."""

from __future__ import annotations

import inspect

import pytest

from .bench import Bench, registration

SHARED = {
    "records",
    "key",
    "fields",
    "key_type",
    "nulls",
    "only",
    "only_key",
    "if_empty",
    "max_failed",
    "rejects_path",
    "delivered_path",
    "concurrency",
    "batch_size",
    "quota",
}
TEMPLATED = {"records", "key", "fields", "rejects_path", "delivered_path", "only"}


def test_the_connections_argument_and_default_are_named_after_the_module(bench: Bench) -> None:
    name, default = f"{bench.conn_type}_conn_id", f"{bench.conn_type}_default"
    assert bench.hook_class.conn_type == bench.conn_type
    assert bench.hook_class.conn_name_attr == name
    assert bench.hook_class.default_conn_name == default
    assert bench.hook_class.hook_name == registration(bench.conn_type)["hook-name"]
    for face in (bench.hook_class(), bench.operator_class(task_id="push", records=[])):
        assert getattr(face, name) == default


def test_a_hook_is_an_http_hook(bench: Bench) -> None:
    from airflow.providers.http.hooks.http import HttpHook

    assert issubclass(bench.hook_class, HttpHook)


def test_every_operator_takes_the_shared_options(bench: Bench) -> None:
    taken = {
        name for one in bench.operator_class.__mro__ for name in inspect.signature(one.__init__).parameters
    }
    assert taken >= SHARED | {f"{bench.conn_type}_conn_id"}


def test_paths_and_names_are_template_fields(bench: Bench) -> None:
    templated = set(bench.operator_class.template_fields)
    assert templated >= TEMPLATED | {f"{bench.conn_type}_conn_id"}


def test_building_an_operator_needs_no_connection(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(f"AIRFLOW_CONN_{bench.conn_type.upper()}_DEFAULT")
    operator = bench.operator_class(task_id="push", records="/nowhere/rows.jsonl", key="id", fields=["a"])
    assert operator.task_id == "push"


def test_an_option_that_does_not_exist_is_refused(bench: Bench) -> None:
    from airflow_profile_provider.errors import ConfigurationError

    with pytest.raises(TypeError, match="max_faild"):
        bench.operator_class(task_id="push", records=[], max_faild=3)
    with pytest.raises((TypeError, ConfigurationError), match="max_faild"):
        bench.push([], max_faild=3)


def test_another_connection_may_be_named(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    bench.hold(1)
    upper = bench.conn_type.upper()
    monkeypatch.setenv(f"AIRFLOW_CONN_{upper}_TWO", os.environ[f"AIRFLOW_CONN_{upper}_DEFAULT"])
    monkeypatch.delenv(f"AIRFLOW_CONN_{upper}_DEFAULT")
    name = f"{bench.conn_type}_conn_id"
    hook = bench.hook_class(**{name: f"{bench.conn_type}_two"})
    assert hook.push(bench.changes(1), quota="none").pushed == 1
    assert bench.run(bench.changes(1), **{name: f"{bench.conn_type}_two"}).green


def test_the_connections_own_hook_is_ours(bench: Bench) -> None:
    from airflow.sdk import BaseHook

    connection = BaseHook.get_connection(f"{bench.conn_type}_default")
    assert connection.conn_type == bench.conn_type
    assert bench.hook_class(**{bench.hook_class.conn_name_attr: connection.conn_id}) is not None
