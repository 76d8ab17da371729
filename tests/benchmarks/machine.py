"""The machine: what it is, and how much of it others used while something was measured."""

from __future__ import annotations

import os
import platform
import subprocess
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


def commit(folder: Path) -> str:
    """Name the commit of a checkout, and whether it was changed since; "none" outside of one."""
    asked = ["git", "-C", str(folder), "describe", "--always", "--dirty", "--exclude=*"]
    found = subprocess.run(asked, capture_output=True, text=True, check=False)
    return found.stdout.strip() or "none"


class OtherLoad:
    """How much of the machine was used by others than this process and those that it names.

    Of ``servers``, their children count, too: a database has a process for each connection. Nothing is known
    where there is no /proc.
    """

    def __init__(self, ours: Iterable[int], servers: Iterable[int] = ()) -> None:
        self._ours = [os.getpid(), *ours]
        self._servers = list(servers)
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
        own = sum(map(_spent_by, self._ours)) + sum(map(_spent_with_children, self._servers))
        return sum(spent), sum(spent) - idle, own


def _spent_by(pid: int) -> float:
    parts = _stat(pid)
    return (int(parts[11]) + int(parts[12])) / _TICK if parts else 0.0


def _spent_with_children(pid: int) -> float:
    """Return what a process, its living children and those that have ended have used."""
    living = [int(found.name) for found in Path("/proc").glob("[0-9]*")]
    children = sum(_spent_by(child) for child in living if _stat(child)[1:2] == [str(pid)])
    ended = sum(map(int, _stat(pid)[13:15])) / _TICK
    return _spent_by(pid) + children + ended


def _stat(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []
