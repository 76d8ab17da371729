"""One push, run to its end under a hard limit, with all that it said and left behind."""

from __future__ import annotations

import faulthandler
import gzip
import json
import logging
import os
import sqlite3
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field, replace
from importlib import import_module
from itertools import count
from pathlib import Path
from typing import Any

from neighbourhood.disks import full_disk
from resuming import FileCheckpoints
from structlog.testing import capture_logs

from airflow_profile_provider import outages
from airflow_profile_provider.hooks.base import ProfileHook
from airflow_profile_provider.reports import Report

from .cases import Case
from .sources import SOURCE_CONN, Given, give, mapping_of, marks_of
from .wire import NAME, Scene, Wire

LEDGER_CONN = "fuzz_ledger"
LIMIT_SECONDS = 20.0
"""A push that takes longer hangs."""
PATIENCE_SECONDS = 0.5
"""How long a database that is away is waited for; a good part of the ledgers here never comes back."""
_numbers = count(1)


class Hang(BaseException):
    """A push did not end. It is no Exception: nobody should look for a smaller one that hangs, too."""


@dataclass
class Outcome:
    """How a push ended. ``said`` is what was logged, raised and reported."""

    report: Report | None = None
    error: BaseException | None = None
    task_error: BaseException | None = None
    rejects: list[dict[str, Any]] | None = None
    delivered: list[str] | None = None
    said: str = ""
    threads: list[str] = field(default_factory=list)
    open_to_others: list[str] = field(default_factory=list)
    given: Given = field(default_factory=lambda: Given({}, []))
    before: dict[str, dict[str, Any]] = field(default_factory=dict)
    marks: dict[int, str | None] = field(default_factory=dict)
    marked: frozenset[int] = frozenset()
    """Rows of an outbox that had a mark before."""


class _Ear(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        trace = "".join(traceback.format_exception(*record.exc_info)) if record.exc_info else ""
        try:
            self.lines.append(f"{record.name} {record.getMessage()} {record.args!r} {trace}")
        except Exception as error:  # noqa: BLE001 -- what cannot be said is said to be so
            self.lines.append(f"{record.name} {record.msg} {error!r}")


class TaskInstance:
    """The part of a task instance that an operator needs without a running Airflow."""

    dag_id, task_id, run_id, try_number, map_index = "nightly", "push", "manual__2026-11-21", 1, -1

    def __init__(self) -> None:
        self.xcoms: dict[str, Any] = {}

    def xcom_push(self, key: str, value: Any, **_: Any) -> None:
        """Keep what is pushed."""
        self.xcoms[key] = value


class Trial:
    """Runs cases, one after the other, in a folder of their own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.wire = Wire()
        self._patience, outages.PATIENCE_SECONDS = outages.PATIENCE_SECONDS, PATIENCE_SECONDS
        self.pushes = 0
        self.slowest = 0.0
        self._shared = folder / "shared.db"
        self._ear = _Ear()

    def close(self) -> None:
        """Stop serving."""
        outages.PATIENCE_SECONDS = self._patience
        self.wire.close()

    @contextmanager
    def stage(self) -> Iterator[tuple[Path, str]]:
        """An empty folder and a connection id that no ledger knows."""
        number = next(_numbers)
        folder = self.folder / f"case{number}"
        folder.mkdir()
        (folder / "blocked").write_text("a file where a folder is wanted")
        (folder / "taken").mkdir()
        try:
            yield folder, f"fuzz_{number}"
        finally:
            os.environ.pop(f"AIRFLOW_CONN_FUZZ_{number}", None)
            _remove(folder)

    def push(
        self, case: Case, scene: Scene, folder: Path, conn_id: str, records: Any = None, suffix: str = ""
    ) -> Outcome:
        """Push a case at a scene; ``records`` replaces its source."""
        self.wire.play(scene)
        self._connect(case, folder, conn_id, scene)
        outcome = Outcome(before={key: dict(own) for key, own in scene.stand_in.profiles.items()})
        hooks: list[ProfileHook] = []

        def stop() -> None:
            for hook in hooks:
                hook.stop()

        if records is None:
            outcome.given = give(case, folder, stop)
        else:
            outcome.given = Given({"records": records}, [])
        if case.source == "outbox" and records is None:
            outcome.marked = frozenset(number for number, mark in marks_of(folder).items() if mark)
        spoilt = _Spoilt(folder / "ledger.db")

        def heard(number: int) -> None:
            if (
                case.stop
                and case.stop[1] == number
                and (case.stop[0] == "request" or case.source != "generator")
            ):
                stop()
            if case.ledger_trouble and case.ledger_trouble[1] == number:
                spoilt.strike(case.ledger_trouble[0])

        scene.heard = heard
        if case.ledger_trouble and case.ledger_trouble[1] == 0:
            spoilt.strike(case.ledger_trouble[0])
        options = self._options(case, folder, outcome.given, suffix)
        if case.resumes and records is None:
            options["checkpoints"] = FileCheckpoints(folder / "checkpoint.json")
        run = _task if case.way == "task" else _hook
        try:
            self._bounded(case, outcome, lambda: run(case, conn_id, options, hooks, outcome))
        finally:
            spoilt.release()
        self._look_at_files(outcome, options, folder)
        if case.source == "outbox" and records is None:
            outcome.marks = marks_of(folder)
        return outcome

    def _connect(self, case: Case, folder: Path, conn_id: str, scene: Scene) -> None:
        place = case.place
        connection = {
            "conn_type": place.conn_type,
            "host": self.wire.url,
            "login": scene.stand_in.login or None,
            "password": scene.stand_in.secret,
            "extra": {"quota": "none", "timeout": case.timeout, "concurrency": 1, **place.extra},
        }
        os.environ[f"AIRFLOW_CONN_{conn_id.upper()}"] = json.dumps(connection)
        ledger = folder / "ledger.db" if case.ledger == "own" else self._shared
        for name, path in ((LEDGER_CONN, ledger), (SOURCE_CONN, folder / "source.db")):
            text = json.dumps({"conn_type": "sqlite", "host": str(path)})
            os.environ[f"AIRFLOW_CONN_{name.upper()}"] = text

    def _options(self, case: Case, folder: Path, given: Given, suffix: str) -> dict[str, Any]:
        options = {**given.arguments, **mapping_of(case), **case.options}
        if case.ledger:
            options["ledger_conn_id"] = LEDGER_CONN
        if case.rejects:
            options["rejects_path"] = str(folder / (suffix + case.rejects))
        if case.delivered:
            options["delivered_path"] = str(folder / (suffix + case.delivered))
        if case.only is not None:
            path = folder / "only.txt"
            path.write_text("".join(f"{key}\n" for key in case.only))
            options["only"] = str(path)
        return options

    def _bounded(self, case: Case, outcome: Outcome, run: Callable[[], None]) -> None:
        """Run it in a thread that must end, listening to all that it says."""
        before = set(threading.enumerate())
        self._ear.lines.clear()
        root = logging.getLogger()
        level = root.level
        root.addHandler(self._ear)
        root.setLevel(logging.DEBUG)
        begun = time.monotonic()
        try:
            with capture_logs() as structured, nullcontext() if case.disk is None else full_disk(case.disk):
                pusher = threading.Thread(target=run, name="fuzz-push", daemon=True)
                pusher.start()
                pusher.join(LIMIT_SECONDS)
                if pusher.is_alive():
                    faulthandler.dump_traceback(sys.__stderr__)
                    raise Hang(repr(case))
        finally:
            root.removeHandler(self._ear)
            root.setLevel(level)
        self.pushes += 1
        self.slowest = max(self.slowest, time.monotonic() - begun)
        outcome.threads = _left(before)
        errors = [error for error in (outcome.error, outcome.task_error) if error]
        outcome.said = "\n".join(
            [*self._ear.lines, _shown(structured), *map(_everything, errors), f"{outcome.report!r}"]
        )

    def _look_at_files(self, outcome: Outcome, options: dict[str, Any], folder: Path) -> None:
        named = outcome.report.rejects if outcome.report else None
        if "rejects_path" in options:
            path = Path(named or options["rejects_path"])
            with suppress(OSError, EOFError):
                outcome.rejects = [json.loads(line) for line in _lines(path)] if named else []
        if "delivered_path" in options:
            with suppress(OSError):
                outcome.delivered = _lines(Path(options["delivered_path"]))
        outcome.open_to_others = [
            str(path.relative_to(folder))
            for path in folder.rglob("*")
            if path.is_file() and path.stat().st_mode & 0o077 and not _ours(path)
        ]


def _ours(path: Path) -> bool:
    return path.name.startswith(("records.", "source.db", "only.txt", "blocked", "checkpoint."))


def _lines(path: Path) -> list[str]:
    content = path.read_bytes()
    text = (gzip.decompress(content) if path.name.endswith(".gz") else content).decode()
    return text.removesuffix("\n").split("\n") if text else []


def _hook(
    case: Case, conn_id: str, options: dict[str, Any], hooks: list[ProfileHook], outcome: Outcome
) -> None:
    try:
        hook = _class("hooks", case, "Hook")(conn_id)
        hook.retry_rule = _rule(hook)
        hook.tell_seconds = 0.05
        hooks.append(hook)
        given = {("changes" if name == "records" else name): value for name, value in options.items()}
        outcome.report = hook.push(**given)
    except BaseException as error:  # noqa: BLE001 -- whatever leaves a push is looked at
        outcome.error = error
        outcome.report = getattr(error, "report", None)


def _task(
    case: Case, conn_id: str, options: dict[str, Any], hooks: list[ProfileHook], outcome: Outcome
) -> None:
    instance = TaskInstance()
    context = {"ti": instance, "task_instance": instance, "run_id": instance.run_id}
    returned = None
    try:
        named = {f"{case.vendor}_conn_id": conn_id, "task_id": "push"}
        options = {name: value for name, value in options.items() if name != "checkpoints"}
        operator = _class("operators", case, "PushProfilesOperator")(**named, **options)
        operator.hook.retry_rule = _rule(operator.hook)
        operator.hook.tell_seconds = 0.05
        hooks.append(operator.hook)
        returned = operator.execute(context)
    except BaseException as error:  # noqa: BLE001 -- whatever leaves a task is looked at
        outcome.task_error = error
    found = returned or instance.xcoms.get("return_value")
    outcome.report = Report.of(found) if found else None


def _class(package: str, case: Case, suffix: str) -> Any:
    names = {"ocamba": "Ocamba", "communifire": "Communifire", "agilenow": "AgileNow"}
    name = names.get(case.vendor) or case.vendor.capitalize()
    return getattr(import_module(f"airflow_profile_provider.{package}.{case.vendor}"), f"{name}{suffix}")


def _rule(hook: ProfileHook) -> Any:
    return replace(
        hook.retry_rule, attempts=3, longest=3.0, first_wait=0.001, longest_wait=0.004, retry_after_cap=0.01
    )


def _left(before: set[threading.Thread]) -> list[str]:
    """Threads that a push left behind, once they had time to end."""
    end = time.monotonic() + 2
    while True:
        left = [one.name for one in threading.enumerate() if one not in before and one.name != NAME]
        if not left or time.monotonic() > end:
            return left
        time.sleep(0.005)


def _everything(error: BaseException) -> str:
    """All that an error says, and those that it came from."""
    said, seen = "", set()
    left: list[BaseException | None] = [error]
    while left:
        one = left.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        said += "".join(traceback.format_exception(one)) + _shown(one.args) + _shown(vars(one))
        left += [one.__cause__, one.__context__]
    return said


def _shown(value: Any) -> str:
    try:
        return repr(value)
    except Exception as error:  # noqa: BLE001 -- some values refuse to be shown
        return f"({type(error).__name__})"


def _remove(folder: Path) -> None:
    for path in sorted(folder.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()
    folder.rmdir()


class _Spoilt:
    """A ledger's file to which something happens."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._holding: sqlite3.Connection | None = None

    def strike(self, how: str) -> None:
        """Let it happen."""
        if how == "locked":
            self._lock()
        elif how == "removed":
            self._path.unlink(missing_ok=True)
        elif how == "garbage":
            self._path.write_bytes(b"this is no database" * 500)
            self._path.chmod(0o600)
        elif how == "read-only":
            self._path.touch(0o600)
            self._path.chmod(0o400)
        elif how == "folder" and not self._path.exists():
            self._path.mkdir()

    def _lock(self) -> None:
        with suppress(sqlite3.Error):
            self._holding = sqlite3.connect(self._path, timeout=1, check_same_thread=False)
            self._path.chmod(0o600)
            self._holding.execute("begin exclusive")
            timer = threading.Timer(0.1, self.release)
            timer.name, timer.daemon = NAME, True
            timer.start()

    def release(self) -> None:
        """Let go of what is locked."""
        holding, self._holding = self._holding, None
        if holding:
            with suppress(sqlite3.Error):
                holding.rollback()
                holding.close()

    @staticmethod
    def repair(path: Path) -> None:
        """Make way for a new ledger."""
        if path.is_dir():
            path.rmdir()
        for found in path.parent.glob(f"{path.name}*"):
            found.unlink()
