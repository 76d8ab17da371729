"""Runs commands of ``airflow`` one after the other in one process, which loads Airflow only once."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from include.local_airflow import LocalAirflow


class OneProcess:
    """The process; what it prints goes to a file of Airflow's home, which an error shows."""

    def __init__(self, airflow: LocalAirflow, log: str) -> None:
        self._log = airflow.home / log
        airflow.home.mkdir(parents=True, exist_ok=True)
        self._pool = ProcessPoolExecutor(
            1, get_context("spawn"), initializer=_begin, initargs=(airflow.environment(), self._log)
        )

    def run(self, *arguments: str) -> None:
        """Run a command and wait for its end."""
        if problem := self._pool.submit(_run, arguments).result():
            tail = "\n".join(self._log.read_text(errors="replace").splitlines()[-40:])
            raise RuntimeError(f"airflow {' '.join(arguments)}: {problem}; {self._log} ends with:\n{tail}")

    def __enter__(self) -> OneProcess:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(cancel_futures=True)


def _begin(environment: Mapping[str, str], log: Path) -> None:
    os.environ.clear()
    os.environ.update(environment)
    file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    for number in (1, 2):
        os.dup2(file, number)
    os.chdir(log.parent)


def _run(arguments: tuple[str, ...]) -> str:
    """Return what went wrong, if anything did."""
    from airflow.cli.cli_parser import get_parser

    command = get_parser().parse_args(arguments)
    try:
        command.func(command)
    except SystemExit as ended:
        return str(ended.code) if ended.code else ""
    finally:
        sys.stdout.flush()
    return ""
