"""Do something after a push, only on days on which it changed something.

``nightly_chain``'s push to Ocamba Hood has the alias ``ocamba_changed`` among its outlets. It emits an event
only if the vendor has acknowledged a change; a quiet night wakes nobody. The event carries the push's report.
"""

from __future__ import annotations

from typing import Any

from airflow.sdk import DAG, AssetAlias, task

# [START after_push]
CHANGED = AssetAlias("ocamba_changed")

with DAG(
    "after_push",
    description="What changed at Ocamba Hood, told to whoever wants to know",
    doc_md=__doc__,
    schedule=[CHANGED],
    max_active_runs=1,
    tags=["profiles", "ocamba"],
):

    @task
    def changed(triggering_asset_events: Any = None) -> dict[str, int]:
        """Add up the counts: several pushes may have ended since the last run of this DAG."""
        # Not all of its values: each event is there twice, under the alias and under the asset.
        reports = [event.extra for event in triggering_asset_events[CHANGED]]
        return {
            count: sum(report[count] for report in reports) for count in ("pushed", "created", "unchanged")
        }

    @task
    def tell(counts: dict[str, int]) -> None:
        """Start whatever builds upon the profiles: a segment, an export, a message."""
        print(f"{counts['pushed'] + counts['created']} profiles are new or changed")

    tell(changed())  # type: ignore[arg-type]
# [END after_push]
