"""Where an Airflow task keeps how far its push has come: its state store (3.3), or its own deferral."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowException

from airflow_profile_provider.records import Checkpoint

if TYPE_CHECKING:
    from airflow.sdk import Context

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
        if self._given is not None:
            return Checkpoint.of(self._given)
        if not (self._resume and self.retried):
            return None
        if self._store is None:
            _log.info("Starting again: only Airflow 3.3 and later keep how far an earlier try came")
            return None
        return Checkpoint.of(self._store.get(KEY))

    def save(self, checkpoint: Checkpoint, words: str) -> None:
        """Keep a checkpoint, and show the progress in the task's state, where UI and REST API find it."""
        if self._store is None:
            return
        try:
            self._store.set(KEY, checkpoint.as_dict())
            self._store.set(PROGRESS_KEY, words)
        except (AirflowException, OSError) as error:
            _log.warning("How far the push has come could not be kept (%s)", type(error).__name__)
        else:
            self._saved = True

    def clear(self) -> None:
        """Forget: the push is over, and a cleared task starts from the beginning."""
        if self._store is not None and (self._saved or self.retried or self._given is not None):
            self._store.delete(KEY)
