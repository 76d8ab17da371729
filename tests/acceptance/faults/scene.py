"""A few changes, pushed past a fault, and what is left of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from guarantees.outcome import Outcome, assert_adds_up, assert_files_agree, assert_vendor_agrees, push
from guarantees.rig import Rig


@dataclass(frozen=True)
class Scene:
    """A push of one new value to each of some profiles, over."""

    rig: Rig
    keys: list[str]
    changes: list[dict[str, Any]]
    before: dict[str, Any]
    outcome: Outcome

    @property
    def new(self) -> list[int]:
        """Which of the profiles hold their new value, counted from 1."""
        held = self.rig.held()
        return [
            position
            for position, change in enumerate(self.changes, 1)
            if held.get(change["key"]) == change["fields"][self.rig.field]
        ]

    @property
    def acknowledged(self) -> list[int]:
        """Which changes the verdicts call delivered."""
        return [n for n in range(1, len(self.changes) + 1) if n not in self.outcome.verdicts]


def play(rig: Rig, tmp_path: Path, number: int = 6, *, concurrency: int = 1, **options: Any) -> Scene:
    """Push a new value to so many profiles; verdicts, files and vendor must agree, whatever happens."""
    before = rig.held()
    keys = list(before)[:number]
    changes = [rig.change(key, f"new {n}") for n, key in enumerate(keys, 1)]
    outcome = push(rig, changes, tmp_path, concurrency=concurrency, **options)
    assert_adds_up(outcome, number)
    assert_files_agree(outcome, changes)
    assert_vendor_agrees(outcome, changes, rig.field, before, rig.held())
    return Scene(rig, keys, changes, before, outcome)
