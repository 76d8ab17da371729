"""A sandbox in a process of its own, by its own command."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from airflow_profile_provider.sandbox import Sandbox


@contextmanager
def running_sandbox() -> Iterator[Sandbox]:
    """Start a sandbox without quotas on a free port, and stop it at the end."""
    command = [sys.executable, "-m", "airflow_profile_provider.sandbox", "--port", "0", "--no-quota"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, encoding="utf-8")
    try:
        assert server.stdout is not None
        line = server.stdout.readline()
        found = re.search(r"http://127\.0\.0\.1:(\d+)", line)
        if found is None:
            raise RuntimeError(f"the sandbox did not start: {line!r}")
        yield Sandbox("127.0.0.1", int(found[1]))
    finally:
        server.terminate()
        server.wait(30)
