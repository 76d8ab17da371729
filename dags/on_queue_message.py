"""Push the file that a message names, here from a Redis channel; any queue of Airflow works.

A message is a reference to a file: ``{"records": "/var/lib/profiles/ocamba.jsonl"}``. For other forms of
messages, use ``from_events(read=...)``. Redis drops a message that comes while nothing listens, also for a
moment after each message. If you must not lose messages, use an outbox, or a queue that stores them.

Needs apache-airflow-providers-common-messaging and the queue's own provider (apache-airflow-providers-redis).
"""

from __future__ import annotations

from airflow.providers.common.messaging.triggers.msg_queue import MessageQueueTrigger
from airflow.sdk import DAG, Asset, AssetWatcher

from airflow_profile_provider.operators.events import from_events
from airflow_profile_provider.operators.ocamba import OcambaPushProfilesOperator

# [START on_queue_message]
FOLDER = "{{ var.value.get('profiles_folder', '/var/lib/profiles') }}"

profile_messages = Asset(
    "profile_messages",
    uri="x-profiles://messages",
    watchers=[
        AssetWatcher(
            name="channel",
            trigger=MessageQueueTrigger(
                scheme="redis+pubsub",
                channels=["profile_changes"],
                redis_conn_id="redis_default",
                poll_interval=1,
            ),
        )
    ],
)

with DAG(
    "on_queue_message",
    description="Files of changes that messages name, pushed to Ocamba Hood",
    doc_md=__doc__,
    schedule=[profile_messages],
    max_active_runs=1,
    tags=["profiles", "ocamba"],
):
    OcambaPushProfilesOperator(
        task_id="push_ocamba",
        records=from_events(under=FOLDER + "/"),  # a message may name no other file
        rejects_path=FOLDER + "/rejects/",
        retries=2,  # the message is not sent again
    )
# [END on_queue_message]
