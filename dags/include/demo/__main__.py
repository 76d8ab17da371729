"""`make demo`: the nightly chain, three times, from a SQLite file to five sandboxed vendors, and the proof.

The first run sends everything, the second only refused records, the third also ten changes. On the fourth
night, hands have edited profiles at the vendors: an audit names them, a repair sends them, and another audit
finds nothing. Exits with 1 if the reports, the files and the vendors' profiles do not agree with the input.
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

from include.demo import stage
from include.demo.audits import EDITED, AuditNight
from include.demo.check import Comparison, Expected, Source, compare, expect_all, read_source
from include.demo.source import FAULTS, VENDORS, change_rows
from include.local_airflow import LocalAirflow
from include.one_process import OneProcess

from airflow_profile_provider.sandbox import Sandbox

_UNDELIVERED = ("rejected", "invalid", "failed")
_VERDICTS = ("pushed", "unchanged", *_UNDELIVERED)
_COLUMNS = ("received", *_VERDICTS, "requests", "seconds")
_begun = time.monotonic()


def say(text: str) -> None:
    """Print what happens next, and when."""
    print(f"[{time.monotonic() - _begun:5.1f} s] {text}", flush=True)


def run() -> bool:
    """Run the demo; return whether everything agrees."""
    stage.NIGHTS.mkdir(parents=True, exist_ok=True)
    airflow = stage.demo_airflow()
    with stage.running_sandbox() as sandbox, OneProcess(airflow, "nightly_chain.log") as process:
        say(f"Sandbox with five vendors: {sandbox.url}")
        stage.set_quotas(sandbox)
        with ThreadPoolExecutor() as pool:
            home = pool.submit(_prepare, airflow, process, sandbox)
            stage.make_source(sandbox)
            say(f"Input: {_short(stage.PEOPLE_DATABASE)}")
            home.result()
        say(f"Airflow home with SQLite, connections to vendors, input and ledger: {_short(airflow.home)}")
        night = Night(airflow, process, sandbox)
        agrees = [night.run("Run 1: everything is new to the ledger")]
        _print_rejects(night.reports)
        agrees.append(night.run("Run 2: nothing has changed"))
        number = change_rows(stage.PEOPLE_DATABASE)
        title = f"Run 3: {number} rows have changed, for each vendor two that concern it alone"
        agrees.append(night.run(title))
        agrees.append(night.audit())
    print()
    say("The five vendors hold what the input says." if all(agrees) else "Something does not agree.")
    print("Every push, and why records were refused: `make ui`, then Browse > Profiles (/plugin/profiles).")
    return all(agrees)


def _prepare(airflow: LocalAirflow, process: OneProcess, sandbox: Sandbox) -> None:
    airflow.migrate()
    file = stage.write_connections(airflow, stage.connections(sandbox))
    process.run("connections", "import", "--overwrite", str(file))


class Night:
    """Runs the chain and judges what it did; it knows what the last run was given."""

    def __init__(self, airflow: LocalAirflow, process: OneProcess, sandbox: Sandbox) -> None:
        self._airflow = airflow
        self._process = process
        self._sandbox = sandbox
        self._known: Source | None = None
        self.reports: dict[str, dict[str, Any]] = {}

    def run(self, title: str) -> bool:
        """Run the chain and print what became of it; return whether report, input and vendors agree."""
        print()
        say(f"{title} (airflow dags test nightly_chain) ...")
        before = {vendor: self._sandbox.profiles(vendor) for vendor in VENDORS}
        for vendor in VENDORS:
            self._sandbox.forget_requests(vendor)
        self._process.run("dags", "test", "nightly_chain")
        self.reports = self._reports()
        source = read_source(stage.PEOPLE_DATABASE)
        problems = self._judge(expect_all(source, before, self._known), before, again=self._known is not None)
        self._known = source
        for problem in problems:
            print(f"DISAGREES  {problem}")
        return not problems

    def audit(self) -> bool:
        """Let hands edit profiles, audit, repair and audit again; return whether all of it agrees."""
        assert self._known
        night = AuditNight(self._sandbox, self._known, stage.NIGHTS, self._run_audits)
        night.edit()
        problems = []
        for title, action, drifted, pushed in (
            (f"Run 4: hands have edited {EDITED} profiles at each vendor; an audit", "audit", EDITED, 0),
            ("A repair sends these, and no others", "repair", 0, EDITED),
            ("Another audit finds nothing", "audit", 0, 0),
        ):
            print()
            say(f"{title} (airflow dags test audit_all) ...")
            problems += night.look(action, drifted=drifted, pushed=pushed)
        for problem in problems:
            print(f"DISAGREES  {problem}")
        return not problems

    def _run_audits(self, action: str) -> dict[str, dict[str, Any]]:
        self._process.run("dags", "test", "audit_all", "--conf", json.dumps({"action": action}))
        return self._reports("audit_all", "audit_")

    def _reports(self, dag_id: str = "nightly_chain", prefix: str = "push_") -> dict[str, dict[str, Any]]:
        """What the pushes of a DAG's last run reported, by vendor."""
        with closing(sqlite3.connect(self._airflow.database)) as connection:
            query = "select run_id from dag_run where dag_id = ? order by id desc limit 1"
            run_id = str(connection.execute(query, [dag_id]).fetchone()[0])
        return {
            task_id.removeprefix(prefix): report
            for (task_id, _), report in self._airflow.returned(dag_id, run_id).items()
            if task_id.startswith(prefix)
        }

    def _judge(
        self,
        expectations: Mapping[str, Expected],
        before: Mapping[str, Mapping[str, Any]],
        *,
        again: bool,
    ) -> list[str]:
        """Print the table; return what does not agree."""
        lines, problems, written = [], [], 0
        for vendor in VENDORS:
            expected, report = expectations[vendor], self.reports.get(vendor, {})
            held = compare(expected.profiles, before[vendor], self._sandbox.profiles(vendor))
            log = self._sandbox.requests(vendor, last=0)
            found = _disagreements(expected, report, held, log)
            problems += [f"{vendor}: {problem}" for problem in found]
            lines.append(_line(vendor, report, held, log, agrees=not found))
            written += log["writes"]
        _print_table(lines, again=again)
        _print_meaning(self.reports, written, again=again)
        return problems


def _disagreements(
    expected: Expected, report: Mapping[str, Any], held: Comparison, log: Mapping[str, Any]
) -> list[str]:
    if not report:
        return ["there is no report; see .demo/airflow/nightly_chain.log"]
    found = held.differences[:5]
    wanted = {
        "received": expected.received,
        **{name: expected.verdicts[name] for name in _VERDICTS},
        "requests": log["total"],
    }
    found += [
        f"{report[name]} {name}, not {number}" for name, number in wanted.items() if report[name] != number
    ]
    if log["writes"] != report["pushed"]:
        found.append(f"the vendor has carried out {log['writes']} changes, not {report['pushed']}")
    if held.changed > report["pushed"]:
        found.append(f"{held.changed} profiles changed, but only {report['pushed']} were pushed")
    rejects = _rejects(report)
    if len(rejects) != sum(report[name] for name in _UNDELIVERED):
        found.append(f"the rejects file has {len(rejects)} lines")
    return found


def _line(
    vendor: str, report: Mapping[str, Any], held: Comparison, log: Mapping[str, Any], *, agrees: bool
) -> list[str]:
    counts = [
        f"{report[name]:.1f}" if name == "seconds" else str(report[name]) for name in _COLUMNS if report
    ]
    return [
        vendor,
        *(counts or ["-"] * len(_COLUMNS)),
        str(log["writes"]),
        f"{held.changed} of {held.profiles}",
        str(held.fields),
        str(len(held.differences)),
        "yes" if agrees else "NO",
    ]


def _print_table(lines: list[list[str]], *, again: bool) -> None:
    refused = ("rejected", "invalid")
    names = [f"{name} again" if again and name in refused else name for name in _COLUMNS]
    rows = [
        ["vendor", *names, "carried out", "profiles changed", "fields compared", "differ", "agrees"],
        *lines,
    ]
    widths = [max(len(row[n]) for row in rows) for n in range(len(rows[0]))]
    report = sum(widths[: len(_COLUMNS) + 1]) + 2 * len(_COLUMNS)
    print(f"\n{'what the pushes reported':<{report}}  what the sandbox saw, and then holds")
    for number, row in enumerate(rows):
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
        if number == 0:
            print("  ".join("-" * width for width in widths))
    print()


def _print_meaning(reports: Mapping[str, dict[str, Any]], written: int, *, again: bool) -> None:
    """Say what the table shows."""
    total = {name: sum(report[name] for report in reports.values()) for name in _COLUMNS}
    print(f"{total['pushed']} changes sent, {total['unchanged']} unchanged, {total['requests']} requests.")
    if not again:
        _print_quotas()
        return
    print(
        f"Unchanged records need no request: the vendors carried out {written} changes. The "
        f"{total['rejected']} people and companies\nthat no profile matches, or several do, are looked up "
        f"again every night: {'all' if not written else 'the other'} requests\nare for that, the token and "
        "the field definitions."
    )


def _print_quotas() -> None:
    quotas = {vendor: stage.published_quota(vendor) for vendor in VENDORS}
    published = "; ".join(f"{vendor} {stage.quota_text(quota)}" for vendor, quota in quotas.items() if quota)
    print(f"Published quotas: {published}.")
    if stage.SPEED != 1:
        print(
            f"Sandbox and connections allow {stage.SPEED} times that, so that nobody has to wait; ",
            end="",
        )
        print("`make demo SPEED=1` keeps to them.")


def _print_rejects(reports: Mapping[str, dict[str, Any]]) -> None:
    print("\nBad records in the input, by purpose, and why each was not delivered:")
    for vendor in VENDORS:
        report = reports.get(vendor, {})
        if not report.get("rejects"):
            continue
        print(f"  {_short(Path(report['rejects']))}")
        for line in _rejects(report):
            print(f"    record {line['position']}, {line['verdict']}: {line['reason'][:150]}")
    print(f"  ({len(FAULTS)} bad records were put in: {', '.join(FAULTS)})")


def _rejects(report: Mapping[str, Any]) -> list[dict[str, Any]]:
    if not report.get("rejects"):
        return []
    return [json.loads(line) for line in Path(report["rejects"]).read_text(encoding="utf-8").splitlines()]


def _short(path: Path) -> Path:
    return path.relative_to(stage.ROOT)


if __name__ == "__main__":
    sys.exit(0 if run() else 1)
