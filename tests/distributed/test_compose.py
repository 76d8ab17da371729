"""compose.yaml says what the cluster without Docker is tested with, and nothing that is not there."""

from __future__ import annotations

import argparse
import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml
from own_airflow import AIRFLOW_VERSION

from airflow_profile_provider.sandbox import connections
from distributed import compose

only_newer = pytest.mark.skipif(
    AIRFLOW_VERSION < (3, 2),
    reason="Airflow 3.1 knows a command of Celery only with its executor",
)
PLACES = {
    "postgres:5432": "127.0.0.1:1",
    "redis:6379": "127.0.0.1:2",
    "sandbox:8765": "127.0.0.1:3",
    "api-server:8080": "127.0.0.1:4",
    "/opt/airflow/dags": "/d",
    "/var/lib/profiles": "/p",
}


def test_every_address_in_it_is_that_of_a_service() -> None:
    """What is translated here is all that there is: another address would lead out of the test."""
    names = "|".join(map(re.escape, compose.services()))
    left = [
        value for value in compose.environment(PLACES).values() if re.search(rf"(//|@)({names})\b", value)
    ]
    assert left == []


@only_newer
@pytest.mark.parametrize("part", compose.PARTS)
def test_every_part_of_airflow_has_a_command_that_airflow_knows(part: str) -> None:
    from airflow.cli.cli_parser import get_parser

    parser: argparse.ArgumentParser = get_parser()
    assert callable(parser.parse_args(list(compose.command(part))).func)


def test_every_part_of_airflow_has_the_same_environment() -> None:
    found = compose.services()
    assert all(found[part]["environment"] == found["scheduler"]["environment"] for part in compose.PARTS)


@only_newer
def test_its_settings_are_settings_of_airflow() -> None:
    from airflow.configuration import conf

    known = conf.configuration_description
    for name in compose.environment(PLACES):
        if found := re.fullmatch(r"AIRFLOW__([A-Z_]+?)__([A-Z_]+)", name):
            assert found[2].lower() in known[found[1].lower()]["options"], name


def test_its_connections_are_those_of_the_sandbox_with_one_quota_and_one_ledger() -> None:
    found = {
        name.removeprefix("AIRFLOW_CONN_").lower(): json.loads(value)
        for name, value in compose.environment(PLACES).items()
        if name.startswith("AIRFLOW_CONN_")
    }
    expected = connections(3)["ocamba_default"]
    assert found["ocamba_default"] == {**expected, "extra": {"quota_conn_id": "profile_quota"}}
    assert found["profile_quota"]["conn_type"] == "redis"
    assert found["profile_ledger"]["conn_type"] == found["warehouse"]["conn_type"] == "postgres"


def test_what_it_runs_of_ours_is_there() -> None:
    found = compose.services()
    lines = [found["airflow-init"]["command"][-1], shlex.join(found["sandbox"]["entrypoint"])]
    modules = [module for line in lines for module in re.findall(r"python -m ([\w.]+)", line)]
    assert modules == ["include.fan_out_stage", "airflow_profile_provider.sandbox"]
    for module in modules:
        path = Path(module.replace(".", "/"))
        candidates = [compose.ROOT / "dags" / path, compose.ROOT / path]
        assert any(each.with_suffix(".py").exists() or (each / "__main__.py").exists() for each in candidates)


def test_its_image_is_built_of_files_that_are_there_for_the_newest_airflow() -> None:
    lines = compose.services()["sandbox"]["build"]["dockerfile_inline"].splitlines()
    copied = [word for line in lines if line.startswith("COPY") for word in line.split()[2:-1]]
    assert copied and all((compose.ROOT / name).exists() for name in copied)
    lock = (compose.ROOT / "requirements.lock").read_text()
    newest = re.search(r"^apache-airflow==(\S+)", lock, re.MULTILINE)
    assert newest
    named = set(re.findall(r"airflow(?::|==)([\d.]+)", "\n".join(lines)))
    assert named == {newest[1]}


def test_it_depends_on_services_and_volumes_that_it_has() -> None:
    document: dict[str, Any] = yaml.safe_load(compose.FILE.read_text())
    for service in document["services"].values():
        assert set(service.get("depends_on", ())) <= set(document["services"])
        named = {volume.partition(":")[0] for volume in service.get("volumes", ())}
        assert {name for name in named if not name.startswith(".")} <= set(document["volumes"])
