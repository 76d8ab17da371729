"""The five default connections that point at a sandbox, and the credentials that it accepts.

The credentials are fixed and public: they open nothing but a sandbox. The Agile.Now secret holds characters
that must be percent-encoded in a form, as a real one may.
"""

from __future__ import annotations

import json
from typing import Any

SONORAN_COMMUNITY = "CMS-1000"
SONORAN_KEY = "5a4d0b0c-0000-4000-8000-5a4db0c50000"
COMMUNIFIRE_KEY = "c2FuZGJveC1jb21tdW5pZmlyZS1rZXk="
AGILENOW_ID = "sandbox"
AGILENOW_SECRET = "sandbox&secret=+%/1"
LIGHTFIELD_KEY = "sk_lf_0_sandbox"
OCAMBA_TOKEN = "5a4db0c5a4db0c5a4db0c5a4db0c5a4db0c5a4db"

_CREDENTIALS = {
    "sonoran": {"login": SONORAN_COMMUNITY, "password": SONORAN_KEY},
    "communifire": {"password": COMMUNIFIRE_KEY},
    "agilenow": {"login": AGILENOW_ID, "password": AGILENOW_SECRET},
    "lightfield": {"password": LIGHTFIELD_KEY},
    "ocamba": {"password": OCAMBA_TOKEN},
}


def connections(port: int, host: str = "127.0.0.1") -> dict[str, dict[str, Any]]:
    """Connection id to Airflow's connection JSON, for a sandbox on this port."""
    return {
        f"{vendor}_default": {"conn_type": vendor, "host": f"http://{host}", "port": port, **credentials}
        for vendor, credentials in _CREDENTIALS.items()
    }


def shell_lines(port: int, host: str = "127.0.0.1") -> list[str]:
    """One ``AIRFLOW_CONN_<ID>='<json>'`` for each connection; no value holds a single quote."""
    return [
        f"AIRFLOW_CONN_{name.upper()}='{json.dumps(connection)}'"
        for name, connection in connections(port, host).items()
    ]
