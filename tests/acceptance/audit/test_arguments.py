"""What an audit cannot mean is refused where the DAG is parsed."""

from __future__ import annotations

import json
from typing import Any

import pytest
from sixth_vendor.hook import AcmeHook

from airflow_profile_provider.errors import ConfigurationError
from airflow_profile_provider.operators.communifire import CommunifirePushProfilesOperator
from airflow_profile_provider.operators.ocamba import OcambaPushProfilesOperator

GIVEN: dict[str, Any] = {"task_id": "audit", "records": "/data/people.csv", "key": "id"}


@pytest.mark.parametrize("action", ["audit", "repair"])
def test_a_vendor_that_cannot_be_read_is_refused(action: str, monkeypatch: pytest.MonkeyPatch) -> None:
    connection = {"conn_type": "acme", "host": "http://127.0.0.1", "password": "x"}
    monkeypatch.setenv("AIRFLOW_CONN_ACME_DEFAULT", json.dumps(connection))
    with pytest.raises(ConfigurationError, match="profiles of Acme People cannot be read"):
        AcmeHook().push([{"number": "1", "nick": "n"}], key="number", fields=["nick"], action=action)


def test_a_mapping_that_is_never_given_back_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="gives back none of Share my profile"):
        CommunifirePushProfilesOperator(**GIVEN, fields={"Share my profile": "share"}, action="audit")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"max_drifted": 3}, 'max_drifted is for action="audit" and "repair"'),
        ({"audit_path": "/a.jsonl"}, 'audit_path is for action="audit" and "repair"'),
        ({"action": "audit", "max_changes": 3}, 'action="audit" takes no max_changes'),
        ({"action": "audit", "approved_plan": "7-0"}, 'action="audit" takes no approved_plan'),
        ({"action": "repair", "plan_path": "/p.jsonl"}, 'action="repair" takes no plan_path'),
        ({"action": "audit", "max_drifted": "many"}, "max_drifted must be a count or a share"),
    ],
    ids=str,
)
def test_what_belongs_to_another_action_is_refused(given: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        OcambaPushProfilesOperator(**GIVEN, fields=["email"], **given)


def test_an_action_that_is_a_template_is_looked_at_when_the_task_runs() -> None:
    OcambaPushProfilesOperator(
        **GIVEN, fields=["email"], action="{{ params.action }}", audit_path="/a.jsonl", max_drifted=3
    )
