"""Checkpoints in a file, and a push that keeps them there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from airflow_profile_provider.checkpoint import Checkpoint
from airflow_profile_provider.hooks.ocamba import OcambaHook


class FileCheckpoints:
    """Checkpoints in a JSON file."""

    def __init__(self, path: Path, *, retried: bool | None = None) -> None:
        self._path = path
        self.retried = path.exists() if retried is None else retried
        self.saved = 0

    def load(self) -> Checkpoint | None:
        """Return the last one."""
        return Checkpoint.of(json.loads(self._path.read_text())) if self._path.exists() else None

    def save(self, checkpoint: Checkpoint, words: str) -> None:
        """Keep one, whole or not at all."""
        new = self._path.with_suffix(".new")
        new.write_text(json.dumps(checkpoint.as_dict()))
        new.replace(self._path)
        self.saved += 1


class QuickHook(OcambaHook):
    """Says how far it is many times a second."""

    tell_seconds = 0.02


def push(folder: Path, **options: Any) -> dict[str, Any]:
    """Push the folder's records.jsonl, going on where an earlier try ended."""
    report = QuickHook().push(
        folder / "records.jsonl",
        checkpoints=FileCheckpoints(folder / "checkpoint.json"),
        rejects_path=folder / "rejects.jsonl",
        delivered_path=folder / "delivered.jsonl",
        **options,
    )
    return report.as_dict()
