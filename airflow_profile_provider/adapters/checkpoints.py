"""Where an Airflow task keeps how far its push has come: its state store (3.3), or its own deferral."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from airflow_profile_provider.errors import where_raised

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_profile_provider.checkpoint import Checkpoint

KEY = "profile_push"
PROGRESS_KEY = "profile_push_progress"

_log = logging.getLogger(__name__)


class TaskCheckpoints:
    """The checkpoints of one task instance.

    ``given`` is what a deferral carried. Without ``resume``, an earlier try's is not looked at.
    """

    def __init__(self, context: Context, *, resume: bool, given: dict[str, Any] | None = None) -> None:
        self._store: Any = context.get("task_state_store")
        self._given = given
        self._resume = resume
        tries = getattr(context.get("ti"), "try_number", 1)
        self.retried = isinstance(tries, int) and tries > 1
        self._saved = False

    def load(self) -> Checkpoint | None:
        """Return the last checkpoint, if there is one."""
        from airflow_profile_provider.checkpoint import Checkpoint  # not for a DAG's parsing

        if self._given is not None:
            return Checkpoint.of(self._given)
        if not (self._resume and self.retried):
            return None
        if self._store is None:
            _log.info("Starting again: only Airflow 3.3 and later store the progress of an earlier try")
            return None
        return Checkpoint.of(self._store.get(KEY))

    def save(self, checkpoint: Checkpoint, words: str) -> None:
        """Keep a checkpoint, and show the progress in the task's state, where UI and REST API find it.

        Whatever Airflow raises is raised: the push goes on without that checkpoint, and says so.
        """
        if self._store is None:
            return
        self._store.set(KEY, checkpoint.as_dict())
        self._saved = True
        self._store.set(PROGRESS_KEY, words)

    def clear(self, words: str) -> None:
        """Forget: the push is over, as ``words`` say, and a cleared task starts from the beginning.

        An Airflow that fails here changes nothing of what was pushed.
        """
        if self._store is None or not (self._saved or self.retried or self._given is not None):
            return
        try:
            self._store.delete(KEY)
            self._store.set(PROGRESS_KEY, words)
        except Exception as error:  # noqa: BLE001 -- Airflow's client has errors of its own
            _log.warning(
                "The push is over, but its stored progress could not be deleted (%s): to push the same "
                "source once more by clearing this task, set resume=False",
                where_raised(error),
            )
