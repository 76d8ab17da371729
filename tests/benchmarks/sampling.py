"""Where the time of a task goes: a thread looks at what the push does, some hundred times a second."""

from __future__ import annotations

import sys
import threading
import time
from collections import Counter
from functools import cache
from pathlib import PurePath
from types import FrameType
from typing import Self

PACKAGE = "airflow_profile_provider"
EVERY = 0.002
"""Seconds between two looks; each counts for the time since the one before."""
IMPORTS, CONNECTIONS, READING, LEDGER, REPORT = (
    "imports",
    "connections",
    "reading",
    "the ledger",
    "the report",
)
REST, AIRFLOWS = "the rest of the push", "Airflow's own"
_ROOMS = {"ledger": LEDGER, "sources": READING, "ledgers.py": LEDGER, "source.py": READING}
"""Rooms and adapters whose work has a name of its own; the innermost counts."""
_REPORTING = {"_judged", "_announce", "_tell", "as_dict"}


class Sampler:
    """Looks from `begun` to `ended`: at the push's own thread, or at the main one while there is none."""

    def __init__(self) -> None:
        self._spent: Counter[str] = Counter()
        self._end = threading.Event()
        self._looking = threading.Thread(target=self._look, daemon=True)

    @classmethod
    def begun(cls) -> Self:
        """Make one that looks already."""
        made = cls()
        sys.setswitchinterval(EVERY)  # else it waits for the main thread, and finds it where it lets go
        made._looking.start()
        return made

    def ended(self) -> dict[str, float]:
        """Return the seconds of each part until now."""
        self._end.set()
        self._looking.join()
        sys.setswitchinterval(0.005)
        return dict(self._spent)

    def _look(self) -> None:
        before = time.perf_counter()
        while not self._end.wait(EVERY):
            pushes = [thread for thread in threading.enumerate() if thread.name == "push"]
            looked_at = (pushes or [threading.main_thread()])[0]
            frame = sys._current_frames().get(looked_at.ident or 0)
            now = time.perf_counter()
            self._spent[part_of(frame)] += now - before
            before = now


def part_of(frame: FrameType | None) -> str:
    """Name the part that a thread is busy with: the innermost function that is known counts."""
    found, is_ours = "", False
    while frame:
        file, function = frame.f_code.co_filename, frame.f_code.co_name
        if file.startswith("<frozen importlib"):
            return IMPORTS
        found = found or _known(file, function)
        is_ours = is_ours or PACKAGE in file
        frame = frame.f_back
    return found or (REST if is_ours else AIRFLOWS)


@cache
def _known(file: str, function: str) -> str:
    path = PurePath(file).parts
    if function == "get_connection":
        return CONNECTIONS
    if PACKAGE not in path:
        return ""
    return REPORT if function in _REPORTING else next((_ROOMS[name] for name in path if name in _ROOMS), "")
