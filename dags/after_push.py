"""Run something after a push, but only if that push changed something.

In ``nightly_chain``, the push to Ocamba Hood has the alias ``ocamba_changed`` among its outlets. The alias
emits an event only if the vendor acknowledged a change. On a night without changes, this DAG does not run.
The event contains the report of the push.
"""

from __future__ import annotations

from typing import Any

from airflow.sdk import DAG, AssetAlias, task

# [START after_push]
CHANGED = AssetAlias("ocamba_changed")

with DAG(
    "after_push",
    description="Runs after a push that changed something at Ocamba Hood",
    doc_md=__doc__,
    schedule=[CHANGED],
    max_active_runs=1,
    tags=["profiles", "ocamba"],
):

    @task
    def changed(triggering_asset_events: Any = None) -> dict[str, int]:
        """Add up the counts: several pushes may have ended since the last run of this DAG."""
        # By the alias: in .values(), each event occurs twice, under the alias and under the asset.
        reports = [event.extra for event in triggering_asset_events[CHANGED]]
        return {
            count: sum(report[count] for report in reports) for count in ("pushed", "created", "unchanged")
        }

    @task
    def tell(counts: dict[str, int]) -> None:
        """Replace this by your own step: refresh a segment, write an export, send a message."""
        print(f"{counts['pushed'] + counts['created']} profiles are new or changed")

    tell(changed())  # type: ignore[arg-type]
# [END after_push]
