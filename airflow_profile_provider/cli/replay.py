"""``airflow profiles replay``: what was not delivered is pushed again, from the files that hold it."""

from __future__ import annotations

import sys
from argparse import Namespace
from datetime import UTC, datetime
from pathlib import Path

from airflow_profile_provider.adapters.parts import parts_of
from airflow_profile_provider.cli.reports import print_report, report_of
from airflow_profile_provider.cli.running import command, hook_of, options_of, say
from airflow_profile_provider.errors import ConfigurationError
from airflow_profile_provider.records import Group, Verdict
from airflow_profile_provider.reports import Report
from airflow_profile_provider.sources.announced import Announced


@command
def replay(args: Namespace) -> int:
    """Push again what rejects files hold, and print the report; 0 only if all of it was delivered."""
    hook = hook_of(args.conn_id, args.conn_type)
    options = options_of(args, "rejects_path") | {"action": "plan" if args.dry_run else "push"}
    files = [part for path in args.rejects for part in parts_of(path)]
    if not files:
        raise ConfigurationError("no file matches: name the rejects files of a push")
    options["rejects_path"] = args.rejects_path or _beside(files[-1])
    _require_other(options["rejects_path"], files)
    report, failure = report_of(lambda: hook.push(Announced(paths=tuple(files)), **options), "replay")
    print_report(report, args.output)
    if failure:
        raise ConfigurationError(failure)
    return _judged(report, hook.top_reason)


def _beside(path: str) -> str:
    """Name a new file in the folder of another."""
    folder, slash, _ = path.rpartition("/")
    return f"{folder}{slash}replayed-{datetime.now(UTC):%Y%m%dT%H%M%S%f}.jsonl"


def _require_other(rejects_path: str, files: list[str]) -> None:
    """Refuse to write over a file that is still to be read.

    Raises:
        ConfigurationError: the path is one of the files.
    """
    if _same(rejects_path) in map(_same, files):
        raise ConfigurationError(f"{rejects_path} is what is replayed: name another --rejects-path")


def _same(path: str) -> str:
    return path if "://" in path else str(Path(path).resolve())


def _judged(report: Report, top_reason: str) -> int:
    """Say on standard error what is left to do; return the exit status."""
    kept = sum(getattr(report, verdict) for verdict in Verdict.of(Group.KEPT))
    if kept:
        why = f"; most often: {top_reason}" if top_reason else ""
        where = f"; each is in {report.rejects}" if report.rejects else ""
        say(f"{kept} of {report.received} not delivered{why}{where}", sys.stderr)
        return 1
    if not report.planned:
        say("All is delivered. Delete the files, so that nobody pushes old values again.", sys.stderr)
    return 0
