"""Who may read what: Airflow's own rights, for one user and one request."""

from __future__ import annotations

from typing import Annotated, Any

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.resource_details import ConnectionDetails, DagAccessEntity
from airflow.api_fastapi.common.db.common import SessionDep
from airflow.api_fastapi.core_api.security import (
    GetUserDep,
    requires_access_connection,
    requires_access_dag,
)
from fastapi import Depends

from airflow_profile_provider.page.tasks import PushTask, push_tasks

# A report is XCom of a task instance: who may not read one of them, may not read it here.
DAG_RIGHTS = [
    Depends(requires_access_dag("GET", DagAccessEntity.TASK_INSTANCE)),
    Depends(requires_access_dag("GET", DagAccessEntity.XCOM)),
]
CONNECTION_RIGHTS = [Depends(requires_access_connection("GET"))]
"""For a path with the parameter ``connection_id``."""


def readable_dags(user: GetUserDep) -> set[str]:
    """Return the DAGs that the user may read."""
    return set(get_auth_manager().get_authorized_dag_ids(user=user, method="GET"))


ReadableDags = Annotated[set[str], Depends(readable_dags)]


def readable_tasks(session: SessionDep, readable: ReadableDags) -> list[PushTask]:
    """Return the pushes of the DAGs that the user may read."""
    return push_tasks(session, readable)


ReadableTasks = Annotated[list[PushTask], Depends(readable_tasks)]


def may_read_connection(user: Any, conn_id: str) -> bool:
    """Whether a user may read a connection."""
    return bool(
        get_auth_manager().is_authorized_connection(
            method="GET", details=ConnectionDetails(conn_id=conn_id), user=user
        )
    )
