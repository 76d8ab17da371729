"""What a command that runs a push prints of it: the report, also of one that failed or was interrupted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from airflow_profile_provider.cli.console import formatted
from airflow_profile_provider.cli.running import say
from airflow_profile_provider.errors import ProfileError
from airflow_profile_provider.reports import Report


def report_of(push: Callable[[], Report], what: str) -> tuple[Report, str]:
    """Run a push; return its report, and why it did not run to its end, if it did not. ``what`` names it.

    Raises:
        ProfileError: it failed before it had received anything.
    """
    try:
        return push(), ""
    except ProfileError as error:
        if not (error.report and error.report.received):
            raise
        return error.report, str(error)
    except KeyboardInterrupt as struck:
        return getattr(struck, "report", Report(complete=False)), f"the {what} was interrupted"


def print_report(report: Report, output: str) -> None:
    """Print the report: whole for programs, and for people what there is to say."""
    shown: Any = report.as_dict()
    if output not in {"json", "yaml"}:
        shown = [{"report": name, "": value} for name, value in _lines(shown)]
    say(formatted(shown, output))


def _lines(shown: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    always = {"received", "requests", "seconds", "complete"}
    for name, value in shown.items():
        if name == "reasons":
            yield from (("reason", f"{one['count']} {one['verdict']}: {one['reason']}") for one in value)
        elif value or name in always:
            yield name, value
