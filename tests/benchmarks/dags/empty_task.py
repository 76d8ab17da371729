"""A Python task that does nothing: what any task costs."""

from __future__ import annotations

from airflow.sdk import DAG, task

with DAG("empty_task", schedule=None):

    @task
    def nothing() -> None:
        """Cost what any task costs."""

    nothing()
