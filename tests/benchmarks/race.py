"""Contenders in processes of their own, run in turn, so that noise meets all of them alike."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any, Self
from urllib.error import URLError
from urllib.request import ProxyHandler, build_opener

from include.local_airflow import free_port

from benchmarks.contenders.job import Job
from benchmarks.machine import OtherLoad
from benchmarks.outcome import Row

ROOT = Path(__file__).resolve().parents[2]
QUIET = 0.1
"""A round is run again if others used more than this share of the machine."""
_open = build_opener(ProxyHandler({})).open


@dataclass(frozen=True)
class Effort:
    """How much to measure: times so many records, so many rounds; ``tools`` is the Python of drt and dlt."""

    factor: float = 1.0
    rounds: int = 5
    tools: str | None = None

    def records(self, number: int, at_least: int = 20) -> int:
        """Return how many records to send where so many are sent in a full run."""
        return max(at_least, round(number * self.factor))

    def at_most(self, rounds: int) -> Effort:
        """The same with fewer rounds, for what takes long."""
        return replace(self, rounds=min(self.rounds, rounds))


def environment(folder: Path) -> dict[str, str]:
    """Return the environment of a process of ours, as small as can be.

    A bare requests.Session reads the whole environment for each request, so that every variable of the
    machine would make it slower, and us look better.
    """
    kept = ("PATH", "LANG", "LC_ALL", "TZ", "TMPDIR", "LD_LIBRARY_PATH", "SYSTEMROOT")
    return {
        **{name: os.environ[name] for name in kept if name in os.environ},
        "HOME": str(folder),
        "AIRFLOW_HOME": str(folder / "airflow"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "PYTHONPATH": os.pathsep.join([str(ROOT / "tests"), str(ROOT / "dags")]),
    }


@contextmanager
def stand_in(folder: Path, latency: float = 0.0, *options: str) -> Iterator[Served]:
    """Run the vendors' stand-in."""
    port = free_port()
    command = [
        sys.executable,
        "-m",
        "benchmarks.stand_in",
        "--port",
        str(port),
        "--latency",
        str(latency),
        *options,
    ]
    running = subprocess.Popen(command, env=environment(folder), cwd=folder, stdin=subprocess.DEVNULL)
    try:
        served = Served(f"http://127.0.0.1:{port}", running.pid)
        served.wait()
        yield served
    finally:
        running.terminate()
        running.wait()


@dataclass(frozen=True)
class Served:
    """A stand-in that runs."""

    url: str
    pid: int

    def seen(self) -> dict[str, Any]:
        """Ask what arrived: ``admitted``, ``refused``, and the ``seconds`` from first to last."""
        with _open(f"{self.url}/_seen", timeout=10) as answer:
            return dict(json.loads(answer.read()))

    def wait(self) -> None:
        """Wait until it answers."""
        deadline = time.monotonic() + 30
        while True:
            with suppress(URLError, ConnectionError):
                self.seen()
                return
            if time.monotonic() > deadline:
                raise RuntimeError("the stand-in does not answer")
            time.sleep(0.05)


class Contender:
    """One contender's process."""

    def __init__(
        self, name: str, job: Job, *, python: str = sys.executable, more: Mapping[str, str] | None = None
    ) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="contender-", dir=job.folder))
        self._log = (self.folder / "log.txt").open("w")
        own = replace(job, folder=str(self.folder))
        self._running = subprocess.Popen(
            [python, "-m", "benchmarks.contenders", name, own.as_json()],
            env={**environment(self.folder), **(more or {})},
            cwd=self.folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
        )
        self._name = name
        self.loaded = 0.0
        self.peak = 0.0

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._running.pid

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._running.terminate()
        self._running.communicate()
        self._log.close()

    def ready(self) -> None:
        """Wait until everything is imported."""
        self.loaded = float(self._answer()["peak"])

    def begin(self, records: int) -> None:
        """Let it send so many records."""
        assert self._running.stdin
        self._running.stdin.write(f"{records}\n")
        self._running.stdin.flush()

    def end(self) -> dict[str, float]:
        """Wait until it has sent them, and return ``records``, ``seconds``, ``cpu`` and ``peak``."""
        answer = self._answer()
        self.peak = float(answer["peak"])
        return answer

    def run(self, records: int) -> dict[str, float]:
        """Let it send so many records, and wait."""
        self.begin(records)
        return self.end()

    def _answer(self) -> dict[str, float]:
        assert self._running.stdout
        line = self._running.stdout.readline()
        if not line:
            self._log.flush()
            tail = "\n".join(Path(self._log.name).read_text(errors="replace").splitlines()[-25:])
            raise RuntimeError(f"{self._name} ended:\n{tail}")
        return dict(json.loads(line))


@dataclass(frozen=True)
class Entry:
    """A contender in a race: how it is called, what it is, how many records a round, in which Python.

    ``warm``: how many records its first, unmeasured run takes; None means 20 batches.
    """

    name: str
    contender: str
    job: Job
    records: int
    settings: str = ""
    python: str = sys.executable
    more: Mapping[str, str] | None = None
    warm: int | None = None


@dataclass(frozen=True)
class Raced:
    """All rounds of a race: an entry's name to its figures, one a round."""

    rows: Sequence[Row]
    rounds: Sequence[Mapping[str, Mapping[str, float]]]
    note: str

    def ratios(self, ours: str, other: str, *, cpu: bool = False) -> list[float]:
        """Return ours : other of each round, in records a second or in CPU time a record."""
        figure = _cpu if cpu else _per_second
        return [figure(each[ours]) / figure(each[other]) for each in self.rounds]

    def timed(self) -> list[Row]:
        """Return the rows with a round's seconds, and its requests if there was a vendor."""
        rows = []
        for row in self.rows:
            own = [each[row.name] for each in self.rounds]
            requests = median(each["requests"] for each in own) if "requests" in own[0] else None
            rows.append(replace(row, seconds=median(each["seconds"] for each in own), requests=requests))
        return rows


def race(
    entries: Sequence[Entry], effort: Effort, *, served: Served | None = None, servers: Sequence[int] = ()
) -> Raced:
    """Run every entry in turn, round by round, and take the rounds that others disturbed least.

    ``served`` is the vendor, where there is one; ``servers`` are databases, which are no others.
    """
    with ExitStack() as stack:
        running = {
            entry.name: stack.enter_context(
                Contender(entry.contender, entry.job, python=entry.python, more=entry.more)
            )
            for entry in entries
        }
        for contender in running.values():
            contender.ready()
        for entry in entries:  # connections, caches
            few = max(1, min(entry.records, entry.job.batch_size * 20))
            running[entry.name].run(entry.warm or few)
        pids = [contender.pid for contender in running.values()] + ([served.pid] if served else [])
        done: list[tuple[float, dict[str, dict[str, float]]]] = []
        while len(done) < 2 * effort.rounds and sum(load <= QUIET for load, _ in done) < effort.rounds:
            other = OtherLoad(pids, servers)
            figures = {entry.name: _counted(running[entry.name], entry.records, served) for entry in entries}
            done.append((other.share(), figures))
        kept = sorted(done, key=lambda each: each[0])[: effort.rounds]
        rounds = [figures for _, figures in kept]
        rows = [_row(entry, running[entry.name], rounds) for entry in entries]
    loads = [load for load, _ in kept]
    note = f"{len(rounds)} rounds; others used {min(loads):.0%} to {max(loads):.0%} of the machine meanwhile"
    return Raced(rows, rounds, note)


def _counted(contender: Contender, records: int, served: Served | None) -> dict[str, float]:
    """Let it send so many records, and count the ``requests`` that arrived."""
    if served is None:
        return contender.run(records)
    before = served.seen()["admitted"]
    figures = contender.run(records)
    return {**figures, "requests": served.seen()["admitted"] - before}


def _row(entry: Entry, contender: Contender, rounds: Sequence[Mapping[str, Mapping[str, float]]]) -> Row:
    own = [each[entry.name] for each in rounds]
    requests = sum(each.get("requests", 0) for each in own)
    return Row(
        entry.name,
        median(map(_per_second, own)),
        median(map(_cpu, own)),
        contender.peak,
        contender.loaded,
        entry.settings,
        sum(each["records"] for each in own) / requests if requests else None,
    )


def _per_second(figures: Mapping[str, float]) -> float:
    return figures["records"] / figures["seconds"]


def _cpu(figures: Mapping[str, float]) -> float:
    return figures["cpu"] / figures["records"]
