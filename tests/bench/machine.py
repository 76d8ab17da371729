"""The machine: what it is, and how much of it others used while something was measured."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

_TICK = os.sysconf("SC_CLK_TCK")


def describe() -> str:
    """Name processor, cores, memory, system and Python."""
    cpu, memory = platform.processor() or platform.machine(), ""
    if (info := Path("/proc/cpuinfo")).exists():
        named = [line for line in info.read_text().splitlines() if line.startswith("model name")]
        cpu = named[0].partition(":")[2].strip() if named else cpu
    if (info := Path("/proc/meminfo")).exists():
        memory = f", {int(info.read_text().split()[1]) / 1024**2:.0f} GB"
    system = f"{platform.system()} {platform.release().partition('-')[0]}"
    return f"{cpu}, {os.cpu_count()} cores{memory}; {system}; Python {platform.python_version()}"


def versions(*packages: str) -> str:
    """Name packages with their versions, as far as they are installed here."""
    found = []
    for package in packages:
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            continue
    return ", ".join(found)


class OtherLoad:
    """How much of the machine was used by others than this process and those that it names.

    Nothing is known where there is no /proc.
    """

    def __init__(self, ours: Iterable[int]) -> None:
        self._ours = [os.getpid(), *ours]
        self._begun = self._now()

    def share(self) -> float:
        """Return the share of all cores that others have used since this was made, 0 to 1."""
        passed, busy, own = (now - then for now, then in zip(self._now(), self._begun, strict=True))
        return max(0.0, busy - own) / passed if passed else 0.0

    def _now(self) -> tuple[float, float, float]:
        """Return seconds of all cores that have passed, that were busy, and that were ours."""
        stat = Path("/proc/stat")
        if not stat.exists():
            return 0.0, 0.0, 0.0
        spent = [int(part) / _TICK for part in stat.read_text().splitlines()[0].split()[1:9]]
        idle = spent[3] + spent[4]
        return sum(spent), sum(spent) - idle, sum(map(_spent_by, self._ours))


def _spent_by(pid: int) -> float:
    try:
        parts = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(parts[11]) + int(parts[12])) / _TICK
