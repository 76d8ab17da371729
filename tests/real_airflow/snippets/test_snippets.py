"""Every snippet of README and docs is run, or says why not."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from include.local_airflow import LocalAirflow
from own_airflow import ROOT
from postgres import private_postgres

from airflow_profile_provider.sandbox import Sandbox

from .reading import snippets
from .running import Runner
from .world import World

pytestmark = pytest.mark.long

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
SHOWN = {"dockerfile", "text", "ini", "yaml"}
"""Languages of files that other programs read."""


def named(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.fixture(scope="session")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    with private_postgres(tmp_path_factory.mktemp("postgres")) as connection:
        yield connection


@pytest.fixture
def runner(
    page: Path,
    tmp_path: Path,
    sandbox: Sandbox,
    database: Mapping[str, Any],
    migrated: LocalAirflow,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Runner]:
    world = World(tmp_path, sandbox, database)
    for name, connection in world.connections().items():
        monkeypatch.setenv(f"AIRFLOW_CONN_{name.upper()}", json.dumps(connection))
    bundle = {
        "name": "snippets",
        "classpath": "airflow.dag_processing.bundles.local.LocalDagBundle",
        "kwargs": {"path": str(world.dags)},
    }
    monkeypatch.setenv("AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST", json.dumps([bundle]))
    monkeypatch.chdir(tmp_path)
    runner = Runner(page.stem, world, migrated)
    yield runner
    runner.close()


@pytest.mark.parametrize("page", [page for page in PAGES if any(snippets(page))], ids=named)
def test_the_snippets_of_a_page_run_in_order(page: Path, runner: Runner) -> None:
    for snippet in snippets(page):
        if not snippet.not_run and snippet.language not in SHOWN:
            assert runner.knows(snippet), f"{named(page)}:{snippet.line}: no way to run {snippet.language!r}"
            try:
                runner.run(snippet)
            except BaseException as error:
                error.add_note(f"This is the snippet at {named(page)}:{snippet.line}")
                raise
