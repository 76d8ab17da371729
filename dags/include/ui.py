"""`make ui`: leaves the sandbox and a whole Airflow running, with connections and files for every example."""

from __future__ import annotations

import signal
import sys
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from types import FrameType

from include import demo_stage, sample_files
from include.demo_source import VENDORS

from airflow_profile_provider.sandbox import Sandbox

_GUIDE = """
Airflow   {airflow}   (no login is asked for)
Sandbox   {sandbox}/_sandbox/health

  Admin > Connections       to the sandbox (Test is the button in their rows), the tables and the ledger
  Dags > nightly_chain      Trigger it, or switch it on: it then runs for this morning at once
  Dags > approve_changes    Trigger it; then say yes or no under Browse > Required Actions
  Dags > push_...           one file to one vendor; switch it on and trigger it
  Dags > push_one_profile   a form; a key to try: {key}
  What a vendor holds       {sandbox}/_sandbox/ocamba/profiles

  rejects and other files   {files}

Ctrl-C stops everything."""


def write_samples(sandbox: Sandbox) -> None:
    """Write a file for each example DAG, for today and for tomorrow."""
    today = datetime.now(UTC).date()
    for vendor in VENDORS:
        for day in (today, today + timedelta(days=1)):
            sample_files.write(demo_stage.NIGHTS, vendor, day, sandbox, bad=False)


def main() -> int:
    """Start everything, and wait until somebody stops it."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)
    demo_stage.NIGHTS.mkdir(parents=True, exist_ok=True)
    airflow = demo_stage.demo_airflow()
    with suppress(KeyboardInterrupt), demo_stage.running_sandbox() as sandbox, airflow:
        print("Starting Airflow, which takes half a minute ...", flush=True)
        demo_stage.set_quotas(sandbox)
        demo_stage.make_source(sandbox)
        write_samples(sandbox)
        airflow.migrate()
        airflow.start()
        airflow.connect(demo_stage.connections(sandbox))
        key = next(iter(sandbox.profiles("ocamba")))
        print(
            _GUIDE.format(airflow=airflow.url, sandbox=sandbox.url, key=key, files=demo_stage.NIGHTS),
            flush=True,
        )
        while True:
            airflow.check()
            time.sleep(1)
    print("\nStopped.")
    return 0


def _interrupt(_: int, __: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
