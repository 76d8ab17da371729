"""Push what a function yields: rows that are made while they are sent.

A partner's export has one company in each line, with its contacts. The function yields a row for each
contact, and forgets it: however long the export is, a few contacts are in memory at a time.

``profile_ledger`` is a connection to the ledger's database. A retry runs the function again from its start;
with the ledger, it sends only what the try before it did not.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta

from airflow.sdk import DAG, ObjectStoragePath, task

# [START push_function]
FOLDER = "{{ var.value.get('profiles_folder', '/var/lib/profiles') }}"

with DAG(
    "push_function",
    description="The contacts that a function finds in an export, to Ocamba Hood",
    doc_md=__doc__,
    schedule=None,
    tags=["profiles", "ocamba"],
):

    @task.push_profiles(
        vendor="ocamba",  # the name of the connection type
        key="profile_id",
        fields=["email", "full_name", "comment"],  # vendor field and member of the row have the same name
        ledger_conn_id="profile_ledger",
        rejects_path=FOLDER + "/rejects/contacts.jsonl",
        max_failed=10,
        retries=2,
        retry_delay=timedelta(minutes=5),
    )
    def push_contacts(export: str) -> Iterator[dict[str, str]]:
        """Yield a row for each contact of each company."""
        with ObjectStoragePath(export).open() as lines:  # type: ignore[no-untyped-call]
            for line in lines:
                company = json.loads(line)
                for contact in company["contacts"]:
                    yield {
                        "profile_id": contact["id"],
                        "email": contact["email"],
                        "full_name": f"{contact['given_name']} {contact['family_name']}",
                        "comment": f"{contact['role']} at {company['name']}",
                    }

    push_contacts(FOLDER + "/companies-{{ dag_run.run_after | ds }}.jsonl")
# [END push_function]
