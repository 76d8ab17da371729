"""Lineage of several files: each is a dataset, and each has all columns."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from airflow_profile_provider.decorators import push_profiles
from airflow_profile_provider.fields import const, joined
from airflow_profile_provider.lineage.facets import lineage_of
from airflow_profile_provider.operators.ocamba import OcambaPushProfilesOperator

MAPPED: dict[str, Any] = {"key": "id", "fields": {"email": "mail"}}


@pytest.fixture(autouse=True)
def connection(monkeypatch: pytest.MonkeyPatch) -> None:
    found = {"conn_type": "ocamba", "host": "http://127.0.0.1:1", "password": "x", "extra": {"quota": "none"}}
    monkeypatch.setenv("AIRFLOW_CONN_OCAMBA_DEFAULT", json.dumps(found))


def inputs(operator: Any) -> list[tuple[str, str]]:
    return [(one.namespace, one.name) for one in lineage_of(operator).inputs]


@pytest.mark.parametrize(
    ("records", "datasets"),
    [
        (["/data/eu.csv", "s3://aws@people/us/"], [("file", "/data/eu.csv"), ("s3://people", "us/")]),
        ((Path("/data/eu.csv"), Path("/data/eu.csv")), [("file", "/data/eu.csv")]),
        ("/data/people", [("file", "/data/people")]),
        ([{"id": "/data/eu.csv"}], []),
        (lambda: [], []),
        (["/data/eu.csv", {"id": "1"}], []),
    ],
)
def test_each_file_or_folder_is_a_dataset(records: Any, datasets: list[tuple[str, str]]) -> None:
    operator = OcambaPushProfilesOperator(task_id="t", records=records, **MAPPED)
    assert inputs(operator) == datasets


def test_a_field_comes_from_its_column_in_each_of_the_files() -> None:
    operator = OcambaPushProfilesOperator(task_id="t", records=["/data/eu.csv", "/data/us.csv"], **MAPPED)
    (vendor,) = lineage_of(operator).outputs
    fields = vendor.facets["columnLineage"].fields
    assert [(one.name, one.field) for one in fields["email"].inputFields] == [
        ("/data/eu.csv", "mail"),
        ("/data/us.csv", "mail"),
    ]


def test_a_field_that_an_expression_makes_comes_from_all_of_its_columns() -> None:
    fields: dict[str, Any] = {
        "full_name": joined("{} {}", "first", "last"),
        "email": {"hashed": "mail"},
        "comment": const("x"),
    }
    operator = OcambaPushProfilesOperator(task_id="t", records="/data/eu.csv", key="id", fields=fields)
    (vendor,) = lineage_of(operator).outputs
    lines = vendor.facets["columnLineage"].fields
    assert {name: [one.field for one in line.inputFields] for name, line in lines.items()} == {
        "full_name": ["first", "last"],
        "email": ["mail"],
        "id": ["id"],
    }


def test_files_that_a_function_returns_are_named_once_it_has_run(tmp_path: Path) -> None:
    path = str(tmp_path / "eu.csv")

    @push_profiles("ocamba", if_empty="ok", **MAPPED)
    def files() -> list[str]:
        (tmp_path / "eu.csv").write_text("id,mail\n")
        return [path]

    operator = files().operator
    assert inputs(operator) == []
    operator.execute({})
    assert inputs(operator) == [("file", path)]
