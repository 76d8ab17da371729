"""A template that names a date, in a run that has none."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException
from airflow.sdk import DAG
from jinja2 import UndefinedError

from airflow_profile_provider.operators.crosswalk import TranslateKeysOperator
from airflow_profile_provider.operators.ocamba import OcambaPushProfilesOperator


def rendered(template: str, context: dict[str, Any]) -> Any:
    with DAG("dag", schedule=None):
        push = OcambaPushProfilesOperator(task_id="push", records=template)
    push.render_template_fields(context)  # type: ignore[arg-type]
    return push.records


@pytest.mark.parametrize("template", ["/data/{{ ds }}.csv", "{{ logical_date | ds }}", "{{ ts_nodash }}"])
def test_a_date_that_the_run_lacks_is_final_and_names_what_every_run_has(template: str) -> None:
    with pytest.raises(AirflowFailException, match=r"dag_run\.run_after \| ds"):
        rendered(template, {"logical_date": None} if "logical" not in template else {})


def test_keys_are_translated_with_the_same_words() -> None:
    with DAG("dag", schedule=None):
        translate = TranslateKeysOperator(
            task_id="t", keys="/{{ ds }}", to_path="/to", crosswalk="/c.csv", from_column="a", to_column="b"
        )
    with pytest.raises(AirflowFailException, match="run_after"):
        translate.render_template_fields({})


def test_a_date_that_the_run_has_is_rendered() -> None:
    day = datetime(2026, 11, 26, tzinfo=UTC)
    assert rendered("{{ ds }}.csv", {"logical_date": day, "ds": "2026-11-26"}) == "2026-11-26.csv"


def test_any_other_name_that_is_missing_is_airflows_own_error() -> None:
    with pytest.raises(UndefinedError, match="'nobody' is undefined"):
        rendered("{{ nobody }}", {})
