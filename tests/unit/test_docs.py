"""The docs say what the code does: fresh tables, links that resolve, code that compiles, nothing left out."""

from __future__ import annotations

import ast
import inspect
import re
import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path

import pytest
from real_airflow.snippets.reading import snippets

from airflow_profile_provider.get_provider_info import get_provider_info
from airflow_profile_provider.operators.base import PushProfilesOperator
from airflow_profile_provider.records import Verdict

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
LINK = re.compile(r"\]\(([^)#\s]+)[^)]*\)")
PYTHON = re.compile(r"```python\n(.*?)```", re.DOTALL)


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_the_tables_are_those_of_the_code() -> None:
    found = subprocess.run(
        [sys.executable, str(ROOT / ".ci" / "docs_tables.py"), "--check"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 0, found.stdout + found.stderr


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_within_the_project_resolve(page: Path) -> None:
    links = [link for link in LINK.findall(page.read_text()) if "://" not in link]
    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_python_in_the_docs_compiles(page: Path) -> None:
    for block in PYTHON.findall(page.read_text()):
        ast.parse(block)


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_what_the_docs_import_is_there(page: Path) -> None:
    missing = [
        f"{node.module}.{imported.name}"
        for block in PYTHON.findall(page.read_text())
        for node in ast.walk(ast.parse(block))
        if isinstance(node, ast.ImportFrom) and node.module
        for imported in node.names
        if not hasattr(import_module(node.module), imported.name)
    ]
    assert missing == []


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_snippet_is_one_that_is_run_or_says_why_not(page: Path) -> None:
    """Running them is what tests/real_airflow/snippets does."""
    fences = re.findall(r"^ *```", page.read_text(), re.MULTILINE)
    assert len(list(snippets(page))) * 2 == len(fences)
    assert [snippet.line for snippet in snippets(page) if not snippet.language] == []


def test_every_registered_vendor_has_a_page() -> None:
    vendors = [entry["connection-type"] for entry in get_provider_info()["connection-types"]]
    assert [vendor for vendor in vendors if not (ROOT / "docs" / "vendors" / f"{vendor}.md").exists()] == []


def test_the_index_lists_every_page() -> None:
    index = ROOT / "docs" / "index.md"
    linked = {(index.parent / link).resolve() for link in LINK.findall(index.read_text())}
    pages = set((ROOT / "docs").rglob("*.md")) - {index}
    assert [name(page) for page in sorted(pages - linked)] == []


def test_every_argument_of_the_operators_is_explained() -> None:
    page = (ROOT / "docs" / "operators.md").read_text()
    arguments = [
        argument
        for argument, parameter in inspect.signature(PushProfilesOperator.__init__).parameters.items()
        if parameter.kind is parameter.KEYWORD_ONLY
    ]
    assert len(arguments) > 10
    assert [argument for argument in arguments if f"`{argument}`" not in page] == []


def test_every_metric_and_every_option_of_airflows_configuration_is_explained() -> None:
    page = (ROOT / "docs" / "configuration.md").read_text()
    assert [verdict.value for verdict in Verdict if f"`{verdict.value}`" not in page] == []
    names = ("changes.<verdict>", "requests", "retries", "duration", "throttled")
    assert [name for name in names if f"`profile_push.<vendor>.{name}`" not in page] == []
    (section,) = get_provider_info()["config"].values()
    assert [option for option in section["options"] if f"`{option}`" not in page] == []


def test_every_extra_is_listed() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    for page in ("README.md", "docs/install.md"):
        text = (ROOT / page).read_text()
        assert [extra for extra in project["optional-dependencies"] if f"`{extra}`" not in text] == []


def test_every_verdict_is_explained() -> None:
    page = (ROOT / "docs" / "verdicts.md").read_text()
    assert [verdict.value for verdict in Verdict if f"`{verdict.value}`" not in page] == []
