"""Push what a message names: here of a Redis channel, just as well of any queue that Airflow can watch.

A message is a reference: ``{"records": "/var/lib/profiles/ocamba.jsonl"}``. Messages of another shape are
turned into that by ``from_events(read=...)``. Redis forgets a message that comes while nobody listens, also
between two messages: whoever may not lose any writes an outbox, or takes a queue that keeps them.

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
    description="Files of changes that messages name, to Ocamba Hood",
    doc_md=__doc__,
    schedule=[profile_messages],
    max_active_runs=1,
    tags=["profiles", "ocamba"],
):
    OcambaPushProfilesOperator(
        task_id="push_ocamba",
        records=from_events(under=FOLDER + "/"),  # a message may name no other file
        rejects_path=FOLDER + "/rejects/",
        retries=2,  # the message will not come again
    )
# [END on_queue_message]
