"""Our push of custom properties to a sandbox, which imports many profiles in one request."""

from __future__ import annotations

import json
import os
from urllib.parse import urlsplit

from benchmarks.contenders.job import Job, Prepare, Run


def push(job: Job) -> Prepare:
    """Push a property to every profile of the sandbox at the job's address, at the vendor's own quota."""
    from airflow_profile_provider.hooks.ocamba import OcambaHook
    from airflow_profile_provider.sandbox import Sandbox

    address = urlsplit(job.url)
    sandbox = Sandbox(address.hostname or "", address.port or 0)
    connection = dict(sandbox.connections()["ocamba_default"])
    connection["extra"] = {"bulk": "import", "undeclared": "send"}
    os.environ["AIRFLOW_CONN_OCAMBA_DEFAULT"] = json.dumps(connection)

    def prepare(number: int) -> Run:
        keys = list(sandbox.keys("ocamba"))[:number]
        changes = [{"key": key, "fields": {"custom_properties": {"tier": f"t{key}"}}} for key in keys]

        def run() -> int:
            report = OcambaHook().push(changes)
            if not report.received == report.pushed == number:
                raise SystemExit(f"of {number} changes, {report.pushed} were pushed: {report}")
            return report.pushed

        return run

    return prepare
