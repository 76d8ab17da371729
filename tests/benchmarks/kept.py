"""What a part has found, in a file, so that an interrupted run can go on."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from benchmarks.outcome import Outcome, Row, Target


class Kept:
    """A folder with a file a part; a file of another commit or another effort (``of``) counts for nothing.

    ``seconds``: how long all that was taken out or put in took to measure.
    """

    def __init__(self, folder: Path, of: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self._of = folder, of
        self.seconds = 0.0

    def get(self, name: str) -> Outcome | None:
        """Return what a part found in an earlier run; None where it is not there, or failed."""
        path = self._folder / f"{name}.json"
        found = json.loads(path.read_text()) if path.exists() else {}
        if found.get("of") != self._of or found["outcome"]["failed"]:
            return None
        self.seconds += found["seconds"]
        outcome = found["outcome"]
        return Outcome(
            outcome["title"],
            [Row(**row) for row in outcome["rows"]],
            [Target(**target) for target in outcome["targets"]],
            outcome["notes"],
        )

    def put(self, name: str, outcome: Outcome, seconds: float) -> None:
        """Keep what a part found, in so many seconds."""
        self.seconds += seconds
        document = {"of": self._of, "seconds": seconds, "outcome": asdict(outcome)}
        (self._folder / f"{name}.json").write_text(json.dumps(document))
