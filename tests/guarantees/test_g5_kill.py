"""G5: kill -9 anywhere: nothing is lost, and at most what is newer than the last checkpoint is repeated."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from resuming import FileCheckpoints, push
from standins import Ocamba

N = 400
BAD, UNKNOWN = range(7, N, 40), range(21, N, 40)
FORK = multiprocessing.get_context("fork")


@pytest.fixture
def ocamba(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Ocamba]:
    """A vendor with a profile for each record, and a file of records of which some are bad."""
    with Ocamba({str(n): {"comment": ""} for n in range(N)}) as stand_in:
        connection = {"conn_type": "ocamba", "host": stand_in.url, "password": stand_in.secret}
        connection["extra"] = {"quota": "none", "concurrency": 4}
        monkeypatch.setenv("AIRFLOW_CONN_OCAMBA_DEFAULT", json.dumps(connection))
        with (tmp_path / "records.jsonl").open("w") as records:
            for n in range(N):
                key = f"nobody{n}" if n in UNKNOWN else str(n)
                fields = {} if n in BAD else {"comment": f"is {n}"}
                records.write(json.dumps({"key": key, "fields": fields}) + "\n")
        yield stand_in


def _try(folder: Path) -> None:
    (folder / "report.json").write_text(json.dumps(push(folder)))


def _killed(ocamba: Ocamba, folder: Path, after: int) -> None:
    """Start a push and kill it once so many requests have arrived."""
    before = len(ocamba.requests)
    child = FORK.Process(target=_try, args=(folder,))
    child.start()
    while len(ocamba.requests) < before + after and child.is_alive():
        time.sleep(0.0005)
    assert child.pid is not None
    os.kill(child.pid, signal.SIGKILL)
    child.join()


@pytest.mark.parametrize("after", [1, 2, 13, 50, 90])
def test_g5_killed_again_and_again_nothing_is_lost(ocamba: Ocamba, tmp_path: Path, after: int) -> None:
    """The report of the try that ends the push counts every record once, whatever was killed before it."""
    kills = 0
    while kills < 4:
        _killed(ocamba, tmp_path, after)
        kills += 1
    mark = _mark(tmp_path)
    sent = len(ocamba.requests)
    last = FORK.Process(target=_try, args=(tmp_path,))
    last.start()
    last.join()
    report = json.loads((tmp_path / "report.json").read_text())
    assert (report["received"], report["invalid"], report["rejected"]) == (N, len(BAD), len(UNKNOWN))
    assert report["pushed"] == N - len(BAD) - len(UNKNOWN)
    assert report["failed"] == report["unsent"] == 0
    for n in range(N):
        assert ocamba.profiles[str(n)]["comment"] == ("" if n in {*BAD, *UNKNOWN} else f"is {n}")
    again = [request.path.rsplit("/", 1)[1].removeprefix("nobody") for request in ocamba.requests[sent:]]
    assert min(map(int, again), default=N) + 1 >= mark
    rejects = [json.loads(line) for line in (tmp_path / "rejects.jsonl").read_text().splitlines()]
    assert sorted(line["position"] - 1 for line in rejects) == sorted([*BAD, *UNKNOWN])
    delivered = {json.loads(line)["key"] for line in (tmp_path / "delivered.jsonl").read_text().splitlines()}
    assert delivered == {str(n) for n in range(N)} - {str(n) for n in (*BAD, *UNKNOWN)}


def _mark(folder: Path) -> int:
    found = FileCheckpoints(folder / "checkpoint.json").load()
    return found.mark if found else 0


def test_g5_what_is_repeated_is_bounded_by_the_checkpoints(ocamba: Ocamba, tmp_path: Path) -> None:
    """A push killed near its end does not start again at its beginning."""
    _killed(ocamba, tmp_path, 350)
    before = len(ocamba.requests)
    _try(tmp_path)
    assert len(ocamba.requests) - before < 200
