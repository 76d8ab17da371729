"""The names and the shape of hooks and operators, equal for every vendor."""

from __future__ import annotations

import inspect

import pytest

from .rig import Rig, registration

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


def test_the_connections_argument_and_default_are_named_after_the_module(rig: Rig) -> None:
    name, default = f"{rig.conn_type}_conn_id", f"{rig.conn_type}_default"
    assert rig.hook_class.conn_type == rig.conn_type
    assert rig.hook_class.conn_name_attr == name
    assert rig.hook_class.default_conn_name == default
    assert rig.hook_class.hook_name == registration(rig.conn_type)["hook-name"]
    for face in (rig.hook_class(), rig.operator_class(task_id="push", records=[])):
        assert getattr(face, name) == default


def test_a_hook_is_an_http_hook(rig: Rig) -> None:
    from airflow.providers.http.hooks.http import HttpHook

    assert issubclass(rig.hook_class, HttpHook)


def test_every_operator_takes_the_shared_options(rig: Rig) -> None:
    taken = {
        name for one in rig.operator_class.__mro__ for name in inspect.signature(one.__init__).parameters
    }
    assert taken >= SHARED | {f"{rig.conn_type}_conn_id"}


def test_paths_and_names_are_template_fields(rig: Rig) -> None:
    templated = set(rig.operator_class.template_fields)
    assert templated >= TEMPLATED | {f"{rig.conn_type}_conn_id"}


def test_building_an_operator_needs_no_connection(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(f"AIRFLOW_CONN_{rig.conn_type.upper()}_DEFAULT")
    operator = rig.operator_class(task_id="push", records="/nowhere/rows.jsonl")
    assert operator.task_id == "push"


def test_an_option_that_does_not_exist_is_refused(rig: Rig) -> None:
    from airflow_profile_provider.errors import ConfigurationError

    with pytest.raises(TypeError, match="max_faild"):
        rig.operator_class(task_id="push", records=[], max_faild=3)
    with pytest.raises((TypeError, ConfigurationError), match="max_faild"):
        rig.push([], max_faild=3)


def test_another_connection_may_be_named(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    rig.hold(1)
    upper = rig.conn_type.upper()
    monkeypatch.setenv(f"AIRFLOW_CONN_{upper}_TWO", os.environ[f"AIRFLOW_CONN_{upper}_DEFAULT"])
    monkeypatch.delenv(f"AIRFLOW_CONN_{upper}_DEFAULT")
    name = f"{rig.conn_type}_conn_id"
    hook = rig.hook_class(**{name: f"{rig.conn_type}_two"})
    assert hook.push(rig.changes(1), quota="none").pushed == 1
    assert rig.run(rig.changes(1), **{name: f"{rig.conn_type}_two"}).green


def test_the_connections_own_hook_is_ours(rig: Rig) -> None:
    from airflow.sdk import BaseHook

    connection = BaseHook.get_connection(f"{rig.conn_type}_default")
    assert connection.conn_type == rig.conn_type
    assert rig.hook_class(**{rig.hook_class.conn_name_attr: connection.conn_id}) is not None
