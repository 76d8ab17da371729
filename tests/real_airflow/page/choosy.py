"""An auth manager that keeps DAGs from users, as Airflow's simple one cannot."""

from __future__ import annotations

from typing import Any

from airflow.api_fastapi.auth.managers.simple.simple_auth_manager import SimpleAuthManager


class ChoosyAuthManager(SimpleAuthManager):
    """Nora may not read the DAG ``seen_pushes``, and newt none at all."""

    def is_authorized_dag(self, *, user: Any, details: Any = None, **more: Any) -> bool:
        """Whether a user may do something with a DAG."""
        dag_id = getattr(details, "id", None)
        if (user.username == "nora" and dag_id == "seen_pushes") or (user.username == "newt" and dag_id):
            return False
        return super().is_authorized_dag(user=user, details=details, **more)
