"""Push a data frame: a function makes it when the task runs, and the columns become the vendor's fields.

Give the function itself (``records=newsletter``). A frame that the file makes would be made each time that
Airflow parses the file. Polars, DuckDB and pyarrow work as pandas does.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import DAG, Variable

from airflow_profile_provider.operators.ocamba import OcambaPushProfilesOperator

# [START push_data_frame]


def newsletter() -> Any:
    """Return those who take the newsletter, out of a table of everybody."""
    import pandas as pd

    folder = Variable.get("profiles_folder", default="/var/lib/profiles")
    people = pd.read_csv(f"{folder}/people.csv", dtype="string")  # keys stay text, with every digit
    people["tags"] = people["tags"].fillna("").str.split("|")
    return people[people["newsletter"] == "weekly"]


with DAG(
    "push_data_frame",
    description="A pandas data frame to Ocamba Hood",
    doc_md=__doc__,
    schedule=None,
    default_args={"retries": 2, "retry_delay": timedelta(minutes=5)},
    tags=["profiles", "ocamba"],
):
    OcambaPushProfilesOperator(
        task_id="push_data_frame",
        records=newsletter,
        key="profile_id",
        fields={"email": "email", "lists": "tags"},
        max_failed=10,  # a count: 1 % of the few changes of a quiet night is none
        rejects_path="{{ var.value.get('profiles_folder', '/var/lib/profiles') }}/rejects/",
    )
# [END push_data_frame]
