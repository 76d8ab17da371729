"""Reads compose.yaml: what it tells each part of Airflow, translated to the addresses of another place."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
FILE = ROOT / "compose.yaml"
PARTS = ("api-server", "scheduler", "dag-processor", "triggerer", "worker-1", "worker-2")
_DEFAULTED = re.compile(r"\$\{\w+:-([^}]*)\}")


def services() -> dict[str, dict[str, Any]]:
    """The services by their names."""
    return dict(yaml.safe_load(FILE.read_text())["services"])


def command(part: str) -> Sequence[str]:
    """What a part of Airflow is started with, after ``airflow``."""
    return tuple(services()[part]["command"])


def environment(places: Mapping[str, str]) -> dict[str, str]:
    """The environment of every part, with the defaults of its variables.

    ``places`` says what stands for which ``service:port`` or folder.
    """
    found = services()["scheduler"]["environment"]
    return {name: _moved(_DEFAULTED.sub(r"\1", value), places) for name, value in found.items()}


def connection(name: str, places: Mapping[str, str]) -> dict[str, Any]:
    """A connection by the variable that holds it."""
    return _connection(json.loads(services()["scheduler"]["environment"][name]), places)


def _moved(value: str, places: Mapping[str, str]) -> str:
    if value.startswith("{"):
        return json.dumps(_connection(json.loads(value), places))
    for here, there in places.items():
        value = value.replace(here, there)
    return value


def _connection(found: dict[str, Any], places: Mapping[str, str]) -> dict[str, Any]:
    scheme, slashes, host = found["host"].rpartition("://")
    there, _, port = places[f"{host}:{found['port']}"].rpartition(":")
    return {**found, "host": f"{scheme}{slashes}{there}", "port": int(port)}
