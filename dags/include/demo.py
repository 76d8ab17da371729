"""`make demo`: the nightly chain, from a SQLite file to five sandboxed vendors, and a proof of what it did.

Exits with 1 if the reports, the rejects files and what the vendors hold do not agree with the input.
"""

from __future__ import annotations

import json
import sqlite3
import sys
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

from include import demo_stage
from include.demo_check import Comparison, Expected, compare, expect_all
from include.demo_source import FAULTS, VENDORS
from include.local_airflow import LocalAirflow

from airflow_profile_provider.sandbox import Sandbox

_UNDELIVERED = ("rejected", "invalid", "failed")
_COLUMNS = ("received", "pushed", *_UNDELIVERED, "requests", "seconds")
_begun = time.monotonic()


def say(text: str) -> None:
    """Print what happens next, and when."""
    print(f"[{time.monotonic() - _begun:5.1f} s] {text}", flush=True)


def run() -> bool:
    """Run the demo; return whether everything agrees."""
    demo_stage.NIGHTS.mkdir(parents=True, exist_ok=True)
    airflow = demo_stage.demo_airflow()
    with demo_stage.running_sandbox() as sandbox:
        say(f"Sandbox with five vendors: {sandbox.url}")
        demo_stage.set_quotas(sandbox)
        with ThreadPoolExecutor() as pool:
            home = pool.submit(_prepare, airflow, sandbox)
            demo_stage.make_source(sandbox)
            before = {vendor: sandbox.profiles(vendor) for vendor in VENDORS}
            say(f"Input: {demo_stage.PEOPLE_DATABASE.relative_to(demo_stage.ROOT)}")
            home.result()
        say(f"Airflow home with SQLite and five connections: {airflow.home.relative_to(demo_stage.ROOT)}")
        say("Running nightly_chain (airflow dags test) ...")
        run_id = _run_chain(airflow)
        reports = {
            task_id.removeprefix("push_"): report
            for (task_id, _), report in airflow.returned("nightly_chain", run_id).items()
            if task_id.startswith("push_")
        }
        say("Comparing the vendors' profiles with the input")
        return _judge(reports, expect_all(demo_stage.PEOPLE_DATABASE, before), before, sandbox)


def _prepare(airflow: LocalAirflow, sandbox: Sandbox) -> None:
    airflow.migrate()
    demo_stage.import_connections(airflow, demo_stage.connections(sandbox))


def _run_chain(airflow: LocalAirflow) -> str:
    """Run the DAG and return the run's id."""
    airflow.run("dags", "test", "nightly_chain", log="nightly_chain.log")
    with closing(sqlite3.connect(airflow.database)) as connection:
        query = "select run_id from dag_run where dag_id = 'nightly_chain' order by id desc limit 1"
        return str(connection.execute(query).fetchone()[0])


def _judge(
    reports: Mapping[str, dict[str, Any]],
    expectations: Mapping[str, Expected],
    before: Mapping[str, Mapping[str, Any]],
    sandbox: Sandbox,
) -> bool:
    """Print the tables; return whether report, input and vendor agree for all five."""
    lines, problems = [], []
    for vendor in VENDORS:
        expected, report = expectations[vendor], reports.get(vendor, {})
        held = compare(expected.profiles, before[vendor], sandbox.profiles(vendor))
        found = _disagreements(expected, report, held)
        problems += [f"{vendor}: {problem}" for problem in found]
        lines.append(_line(vendor, report, held, agrees=not found))
    _print_table(lines)
    _print_rejects(reports)
    for problem in problems:
        print(f"DISAGREES  {problem}")
    print()
    say("The five vendors hold what the input says." if not problems else "Something does not agree.")
    return not problems


def _disagreements(expected: Expected, report: Mapping[str, Any], held: Comparison) -> list[str]:
    if not report:
        return ["there is no report; see .demo/airflow/nightly_chain.log"]
    found = held.differences[:5]
    wanted = {
        "received": expected.received,
        **{name: expected.verdicts[name] for name in ("pushed", *_UNDELIVERED)},
    }
    found += [
        f"{report[name]} {name}, not {number}" for name, number in wanted.items() if report[name] != number
    ]
    if held.changed > report["pushed"]:
        found.append(f"{held.changed} profiles changed, but only {report['pushed']} were pushed")
    rejects = _rejects(report)
    if len(rejects) != sum(report[name] for name in _UNDELIVERED):
        found.append(f"the rejects file has {len(rejects)} lines")
    return found


def _line(vendor: str, report: Mapping[str, Any], held: Comparison, *, agrees: bool) -> list[str]:
    published = demo_stage.published_quota(vendor)
    counts = (
        [f"{report[name]:.1f}" if name == "seconds" else str(report[name]) for name in _COLUMNS]
        if report
        else []
    )
    return [
        vendor,
        *(counts or ["-"] * len(_COLUMNS)),
        demo_stage.quota_text(published) if published else "none published",
        f"{held.changed} of {held.profiles}",
        str(held.fields),
        str(len(held.differences)),
        "yes" if agrees else "NO",
    ]


def _print_table(lines: list[list[str]]) -> None:
    held = ["changed", "fields compared", "differ", "agrees"]
    rows = [["vendor", *_COLUMNS, "published quota", *held], *lines]
    widths = [max(len(row[n]) for row in rows) for n in range(len(rows[0]))]
    report = sum(widths[: len(_COLUMNS) + 2]) + 2 * (len(_COLUMNS) + 1)
    print(f"\n{'what the pushes reported':<{report}}  what the sandbox then holds")
    for number, row in enumerate(rows):
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
        if number == 0:
            print("  ".join("-" * width for width in widths))
    if demo_stage.SPEED != 1:
        print(
            f"\nSandbox and connections allow {demo_stage.SPEED} times the published quotas, so that nobody"
        )
        print("has to wait; `make demo SPEED=1` keeps to them.")


def _print_rejects(reports: Mapping[str, dict[str, Any]]) -> None:
    print("\nBad records in the input, by purpose, and why each was not delivered:")
    for vendor in VENDORS:
        report = reports.get(vendor, {})
        if not report.get("rejects"):
            continue
        print(f"  {Path(report['rejects']).relative_to(demo_stage.ROOT)}")
        for line in _rejects(report):
            print(f"    line {line['position']}, {line['verdict']}: {line['reason'][:150]}")
    print(f"  ({len(FAULTS)} bad records were put in: {', '.join(FAULTS)})")


def _rejects(report: Mapping[str, Any]) -> list[dict[str, Any]]:
    if not report.get("rejects"):
        return []
    return [json.loads(line) for line in Path(report["rejects"]).read_text(encoding="utf-8").splitlines()]


if __name__ == "__main__":
    sys.exit(0 if run() else 1)
