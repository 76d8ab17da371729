"""``airflow profiles audit``: a source held against what the vendor has, and nothing sent."""

from __future__ import annotations

import sys
from argparse import Namespace

from airflow_profile_provider.cli.reports import print_report, report_of
from airflow_profile_provider.cli.running import command, hook_of, options_of, say
from airflow_profile_provider.errors import ConfigurationError
from airflow_profile_provider.options import share
from airflow_profile_provider.reports import Report

_FOR_PROGRAMS = frozenset({"json", "yaml"})


@command
def audit(args: Namespace) -> int:
    """Compare a source with what the vendor holds; 0 only if all was compared, and little enough differs."""
    from airflow_profile_provider.push.findings import drift_problem

    hook = hook_of(args.conn_id, args.conn_type)
    most = share("max_drifted", args.max_drifted)
    options = options_of(args, "sql", "sql_conn_id", "audit_path", "audit_values")
    if args.records is None and args.sql is None:
        raise ConfigurationError("name what the vendor should hold: --records or --sql")
    for name in options.keys() & {"action", "max_drifted"}:
        raise ConfigurationError(f"--option takes no {name}: an audit sends nothing, and has --max-drifted")
    report, failure = report_of(lambda: hook.push(args.records, action="audit", **options), "audit")
    print_report(report, args.output)
    if report.differing and hook.last_plan and args.output not in _FOR_PROGRAMS:
        say(hook.last_plan.summary(report), sys.stderr)
    problems = (
        failure,
        _uncompared(report),
        drift_problem(report.differing, report.received, most),
    )
    if problem := "; ".join(filter(None, problems)):
        raise ConfigurationError(problem)
    return 0


def _uncompared(report: Report) -> str:
    """Say of how many records it is not known what the vendor holds, and why; nothing where it is of all."""
    if not report.undelivered:
        return ""
    often = f"; most often: {report.top_reason}" if report.top_reason else ""
    return f"{report.undelivered} of {report.received} records could not be compared{often}"
