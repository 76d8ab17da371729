"""A push whose arguments the test gives, with all that lineage and links are told from."""

from __future__ import annotations

import json

from airflow.sdk import DAG, Variable

from airflow_profile_provider.operators.communifire import CommunifirePushProfilesOperator
from airflow_profile_provider.operators.ocamba import OcambaPushProfilesOperator

OPERATORS = {"ocamba": OcambaPushProfilesOperator, "communifire": CommunifirePushProfilesOperator}

with DAG("one_push", schedule=None):
    given = json.loads(Variable.get("one_push", '{"records": []}'))
    OPERATORS[given.pop("vendor", "ocamba")](task_id="push", **given)
