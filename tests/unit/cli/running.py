"""Commands of ``airflow profiles``, run in this process."""

from __future__ import annotations

import argparse
from typing import Any

import pytest


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[Any, str]:
    """Run a command, and return its exit status and what it printed."""
    status, said, _ = run_all(capsys, *words)
    return status, said


def run_all(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[Any, str, str]:
    """Run a command, and return its exit status, what it printed, and what it said beside."""
    from airflow.cli.cli_parser import _add_command  # as Airflow's own parser does it

    from airflow_profile_provider.cli.definition import get_profiles_cli_commands

    parser = argparse.ArgumentParser()
    for command in get_profiles_cli_commands():
        _add_command(parser.add_subparsers(), command)
    args = parser.parse_args(["profiles", *words])
    capsys.readouterr()  # what was said before
    status: Any = 0
    try:
        args.func(args)
    except SystemExit as error:
        status = error.code
    said = capsys.readouterr()
    return status, said.out, said.err
