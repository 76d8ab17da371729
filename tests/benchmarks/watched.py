"""Outboxes that a triggerer watches; their events tell when the trigger yielded them."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator

from airflow.sdk import Asset, AssetWatcher
from airflow.triggers.base import TriggerEvent

from airflow_profile_provider.triggers.profile_changes import ProfileChangesTrigger


class Timed(ProfileChangesTrigger):
    """Announces rows, and says when it did. From there on, the time is Airflow's."""

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Look, announce, wait."""
        async for event in super().run():
            said = {**event.payload, "yielded": time.time()}
            yield TriggerEvent(said)  # type: ignore[no-untyped-call]


def watched(table: str) -> Asset:
    """Name an outbox as an asset, which PostgreSQL notifies of on the channel of its name."""
    trigger = Timed("profiles_app", table=table, channel=table, again_seconds=3600)
    return Asset(table, uri=f"x-bench://{table}", watchers=[AssetWatcher(name="rows", trigger=trigger)])
