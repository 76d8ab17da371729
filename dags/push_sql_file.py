"""Push the people of one language to Ocamba Hood: a query in a file of its own, with parameters.

The query is in ``sql/people_of_a_language.sql`` beside this file. The database's driver binds the parameters,
so that text from a form can be one: it cannot change the query.

``warehouse`` is a connection to the database of the table ``people``, of any type that Airflow has a provider
for. ``profile_ledger`` is a connection to the ledger's database.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG, Param

from airflow_profile_provider.operators.ocamba import OcambaPushProfilesOperator

# [START push_sql_file]
with DAG(
    "push_sql_file",
    description="The people of one language to Ocamba Hood, by a query with parameters",
    doc_md=__doc__,
    schedule=None,
    params={"language": Param("fi-FI", type="string", description="Language of the people to push")},
    default_args={"retries": 2, "retry_delay": timedelta(minutes=5)},
    tags=["profiles", "ocamba"],
):
    OcambaPushProfilesOperator(
        task_id="push_ocamba",
        sql="sql/people_of_a_language.sql",  # beside this file
        parameters={"language": "{{ params.language }}"},
        sql_conn_id="warehouse",
        key="ocamba_id",
        fields=["full_name", "email"],
        ledger_conn_id="profile_ledger",
        max_failed=10,
        rejects_path="{{ var.value.get('profiles_folder', '/var/lib/profiles') }}/rejects/",
    )
# [END push_sql_file]
