"""However a push stops, the report is on the error, and all that was not delivered is in the rejects."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowTaskTimeout
from standins import Fault

from airflow_profile_provider.errors import (
    AskedToEnd,
    ConfigurationError,
    LedgerFailed,
    OutputFailed,
    PushStopped,
    SourceError,
)

from .scene import CANARY, QuickHook, Scene, assert_whole

STRIKES = [
    ValueError,
    OSError,
    MemoryError,
    RecursionError,
    KeyboardInterrupt,
    SystemExit,
    AirflowTaskTimeout,
]


@pytest.mark.parametrize("strike", STRIKES)
@pytest.mark.parametrize("ledger", [None, "ledger"])
@pytest.mark.parametrize("after", [0, 1, 17])
def test_a_source_may_raise_anything(
    scene: Scene, strike: type[BaseException], ledger: str | None, after: int
) -> None:
    """What came before is delivered; the error is one of ours, or the signal itself, with its report."""

    def records() -> Iterator[dict[str, Any]]:
        yield from scene.changes[:after]
        raise strike(CANARY if issubclass(strike, Exception) else "over")

    ended = scene.push(records(), ledger_conn_id=ledger)
    report = assert_whole(ended, after)
    if issubclass(strike, Exception):
        assert isinstance(ended.error, SourceError if after == 0 else PushStopped)
        assert strike.__name__ in str(ended.error)
        assert report.pushed == {0: 0, 1: 1, 17: 15}[after]
    else:
        assert type(ended.error) is strike


def test_a_ledger_that_goes_away_leaves_the_report_on_the_error(scene: Scene) -> None:
    """Case 18a: counts to the last record of the source, all of it in the rejects."""
    scene.number = 3000
    scene.connect()

    def records() -> Iterator[dict[str, Any]]:
        for number, change in enumerate(scene.changes):
            if number == 1500:
                with sqlite3.connect(scene.folder / "ledger.db") as ledger:
                    for (name,) in ledger.execute(
                        "select name from sqlite_master where type = 'table'"
                    ).fetchall():
                        ledger.execute(f'drop table "{name}"')
            yield change

    ended = scene.push(records())
    assert isinstance(ended.error, LedgerFailed)
    report = assert_whole(ended, 3000)
    assert report.unsent > 1000
    assert report.failed == 0


def test_what_no_request_left_the_machine_for_is_unsent(scene: Scene) -> None:
    """Case 18: never failed."""
    scene.vendor.stop() if hasattr(scene.vendor, "stop") else scene.vendor.__exit__(None, None, None)
    ended = scene.push()
    report = assert_whole(ended, scene.number)
    assert (report.failed, report.invalid, report.unsent) == (0, 1, scene.number - 1)


@pytest.mark.parametrize("argument", ["rejects_path", "delivered_path", "plan_path"])
@pytest.mark.parametrize(
    "path",
    [
        "{folder}/file/below/x.jsonl",
        "{folder}",
        "{folder}/{long}.jsonl",
        "s3://nobody@bucket/x.jsonl",
        "a\0b",
    ],
)
def test_an_output_is_tried_before_the_first_request(scene: Scene, argument: str, path: str) -> None:
    """Cases 18b and 21b: the error names the path, and nothing was sent."""
    (scene.folder / "file").write_text("")
    more = {"action": "plan"} if argument == "plan_path" else {}
    ended = scene.push(**{argument: path.format(folder=scene.folder, long="x" * 300), **more})
    assert isinstance(ended.error, ConfigurationError)
    assert ended.report is not None
    assert scene.vendor.requests == []


def test_trying_leaves_nothing_behind(scene: Scene) -> None:
    """A folder that was made for the trial is taken away; a file that lies there stays as it is."""
    (scene.folder / "old.jsonl").write_text("as it was")
    scene.push([], rejects_path=scene.folder / "a/b/r.jsonl", ledger_conn_id=None)
    scene.push([], rejects_path=scene.folder / "old.jsonl", ledger_conn_id=None)
    assert not (scene.folder / "a").exists()
    assert (scene.folder / "old.jsonl").read_text() == "as it was"


def in_a_process_of_its_own(script: str) -> subprocess.CompletedProcess[str]:
    """Run Python where a limit harms nobody else; it finds what the tests find."""
    return subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=100,
        check=True,
    )


FULL = """
import json, resource, sys
from resuming import QuickHook
resource.setrlimit(resource.RLIMIT_FSIZE, ({room}, {room}))
changes = [{{"key": str(n), "fields": {{"comment": "x" * 200}}}} for n in range(400)]
try:
    QuickHook().push(iter(changes), {argument}={path!r}, quota="none")
except Exception as error:
    print(json.dumps([type(error).__name__, str(error), error.report.as_dict()]))
"""


@pytest.mark.parametrize(("room", "sends"), [(0, False), (20_000, True)])
def test_a_full_disk_stops_the_push_and_the_counts_add_up(scene: Scene, room: int, sends: bool) -> None:
    """A rejects file that fails stops the push like anything else; what stands in it stays readable."""
    scene.vendor.faults = [Fault(400, "no", times=None)]
    path = scene.folder / "rejects.jsonl"
    script = FULL.format(room=room, argument="rejects_path", path=str(path))
    done = in_a_process_of_its_own(script)
    name, text, report = json.loads(done.stdout.splitlines()[-1])
    assert name in {"OutputFailed", "MassFailure"}
    assert bool(report["requests"]) is sends
    if sends:
        counted = sum(report[verdict] for verdict in ("rejected", "unsent", "failed", "invalid"))
        assert report["received"] == counted == 400
        assert all(json.loads(line) for line in path.read_text().splitlines())
    else:
        assert name == "OutputFailed"
        assert str(path) in text


def test_a_plan_that_cannot_be_written_adds_up(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """Case 21j: whatever stops a plan, nothing is nowhere."""
    first = scene.push(scene.changes[10:20])
    assert first.report.pushed == 10
    script = FULL.format(room=600, argument='action="plan", plan_path', path=str(scene.folder / "plan.jsonl"))
    done = in_a_process_of_its_own(script)
    name, _, report = json.loads(done.stdout.splitlines()[-1])
    assert name == "OutputFailed"
    if report["received"]:
        assert report["received"] == report["unsent"] == 400


@pytest.mark.parametrize("before", ["file", "shared", "link", "nothing"])
@pytest.mark.parametrize("argument", ["rejects_path", "delivered_path"])
def test_what_a_push_writes_is_private(scene: Scene, before: str, argument: str) -> None:
    """Case 22b: 0600 whatever lay there, nobody who had it open reads on, and no link is followed."""
    path, other = scene.folder / "out.jsonl", scene.folder / "other"
    if before in {"file", "shared"}:
        path.write_text("old")
        path.chmod(0o666 if before == "shared" else 0o640)
    if before == "link":
        other.write_text("somebody's")
        other.chmod(0o666)
        path.symlink_to(other)
    reader = path.open() if path.exists() else None
    ended = scene.push(**{argument: path})
    if before == "link":
        assert isinstance(ended.error, ConfigurationError)
        assert other.read_text() == "somebody's"
        return
    assert path.stat().st_mode & 0o777 == 0o600
    assert CANARY not in (reader.read() if reader else "")


def test_stop_ends_a_push_that_waits_for_its_turn(scene: Scene) -> None:
    """Asked to end while another push holds the ledger: at once, with a report."""
    holding, go = threading.Event(), threading.Event()

    def records() -> Iterator[dict[str, Any]]:
        holding.set()
        go.wait(60)
        yield from ()

    first = threading.Thread(target=scene.push, args=(records(),), daemon=True)
    first.start()
    assert holding.wait(10)
    hook = QuickHook()
    threading.Timer(0.3, hook.stop).start()
    begun = time.monotonic()
    with pytest.raises(AskedToEnd) as caught:
        hook.push(scene.changes, ledger_conn_id="ledger")
    go.set()
    first.join()
    assert time.monotonic() - begun < 50
    assert caught.value.report.received == 0


def test_a_signal_that_another_thread_got_ends_the_push(scene: Scene) -> None:
    """So does one that comes just before the main thread begins to wait: neither wakes it."""
    scene.connect(quota="1/3600s")

    def strike() -> None:
        while not scene.vendor.requests:
            time.sleep(0.01)
        time.sleep(0.1)
        signal.raise_signal(signal.SIGINT)

    striker = threading.Thread(target=strike)
    striker.start()
    ended = scene.push()
    striker.join()
    assert isinstance(ended.error, KeyboardInterrupt)
    assert_whole(ended)


@pytest.fixture
def alarm() -> Iterator[Callable[[float], None]]:
    """Raise Airflow's time-out in the main thread after so many seconds, as Airflow does."""

    def over(*_: object) -> None:
        raise AirflowTaskTimeout("Timeout, PID: 1")

    before = signal.signal(signal.SIGALRM, over)
    yield lambda seconds: signal.setitimer(signal.ITIMER_REAL, seconds)
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("kind", ["list", "generator", "file"])
@pytest.mark.parametrize("moment", range(12))
def test_a_time_out_at_any_moment_leaves_a_whole_account(
    scene: Scene, alarm: Callable[[float], None], kind: str, moment: int
) -> None:
    """Case 17: nothing more is sent, what is in flight is settled, the rest is counted and rejected."""
    scene.number = 1500
    scene.connect()
    scene.changes  # noqa: B018 -- made once before the clock runs
    changes: Any = scene.changes
    if kind == "file":
        changes = scene.folder / "in.jsonl"
        changes.write_text("".join(json.dumps(change) + "\n" for change in scene.changes))
    if kind == "generator":
        changes = (change for change in scene.changes)
    alarm(0.05 + 0.05 * moment)
    begun = time.monotonic()
    ended = scene.push(changes)
    assert time.monotonic() - begun < 50
    signal.setitimer(signal.ITIMER_REAL, 0)
    if ended.error is None:
        assert_whole(ended, 1500)
        return
    assert isinstance(ended.error, AirflowTaskTimeout)
    sent = len(scene.vendor.requests)
    ended_first = ended.report is not None and ended.report.complete  # struck when all had its verdict
    report = assert_whole(ended, 1500 if ended_first else None, complete=ended_first)
    assert report.received in {0, 1500} or kind == "generator"
    assert sent >= report.pushed
    time.sleep(0.05)
    assert len(scene.vendor.requests) == sent


def test_a_source_that_blocks_does_not_keep_a_time_out(scene: Scene, alarm: Callable[[float], None]) -> None:
    """What it gave before is counted; the push ends with the time-out."""

    def records() -> Iterator[dict[str, Any]]:
        yield from scene.changes[:10]
        time.sleep(60)

    alarm(0.5)
    begun = time.monotonic()
    ended = scene.push(records())
    assert time.monotonic() - begun < 50
    assert isinstance(ended.error, AirflowTaskTimeout)
    assert_whole(ended, 10)


def test_an_output_that_fails_is_named(tmp_path: Path) -> None:
    """The error of a file says which, and what to do."""
    from airflow_profile_provider.push.outputs import Delivered

    def full(path: str, mode: str) -> Any:
        raise OSError(28, "No space left on device")

    with pytest.raises(OutputFailed, match=r"keys .*keys\.txt .*No space left"):
        Delivered(str(tmp_path / "keys.txt"), full).add("1")
