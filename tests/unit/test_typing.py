"""Editors see every argument, and type checkers find each mistake: mypy --strict, and basedpyright."""

from __future__ import annotations

import ast
import inspect
import json
import re
import subprocess
import sys
from collections.abc import Iterable
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import BaseOperator
from own_airflow import AIRFLOW

from airflow_profile_provider.get_provider_info import get_provider_info
from airflow_profile_provider.hooks.base import ProfileHook
from airflow_profile_provider.operators.arguments import OperatorArguments
from airflow_profile_provider.operators.base import PushProfilesOperator

ROOT = Path(__file__).resolve().parents[2]
TYPED = ROOT / "tests" / "typed"
DAGS = sorted((ROOT / "dags").glob("*.py"))
ENTRIES = {entry["connection-type"]: entry for entry in get_provider_info()["connection-types"]}


Found = tuple[str, int, str]
"""A file, a line, and what is said of it."""
OF_OTHERS = re.compile(r"\b(ParamsDict|Context|Timetable|SerializedAsset|pandas)\b")
"""What Airflow's own types say is wrong of what its documentation shows, and a library without types."""


def ours(found: Iterable[Found]) -> list[Found]:
    """Leave out what is found of others than this package."""
    return [each for each in found if not OF_OTHERS.search(each[2])]


def run(*command: str | Path) -> str:
    """Run a type checker over files, which see this package and the DAGs' own modules."""
    env = {**AIRFLOW.environment(), "MYPYPATH": f"{ROOT}:{ROOT / 'dags'}"}
    done = subprocess.run(
        [sys.executable, "-m", *command], cwd=ROOT, env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode in {0, 1}, done.stderr
    return done.stdout


def mypy(*files: Path) -> list[Found]:
    """Return what mypy finds."""
    said = run("mypy", "--strict", "--no-error-summary", "--hide-error-context", "--no-pretty", *files)
    found = re.findall(r"^(\S+\.py):(\d+): error: (.*)", said, re.MULTILINE)
    return ours((Path(file).name, int(line), words) for file, line, words in found)


def pyright(*files: Path) -> list[Found]:
    """Return what pyright finds."""
    home = AIRFLOW.home
    settings = home / "pyrightconfig.json"
    settings.parent.mkdir(parents=True, exist_ok=True)
    chosen: dict[str, Any] = {"typeCheckingMode": "standard", "extraPaths": [str(ROOT), str(ROOT / "dags")]}
    settings.write_text(json.dumps({**chosen, "include": [str(file) for file in files]}))
    said = run("basedpyright", "--outputjson", "--pythonpath", sys.executable, "--project", settings)
    found = json.loads(said)
    assert found["summary"]["filesAnalyzed"] == len(files), said
    return ours(
        (Path(each["file"]).name, each["range"]["start"]["line"] + 1, each["message"])
        for each in found["generalDiagnostics"]
        if each["severity"] == "error"
    )


CHECKERS = pytest.mark.parametrize("checker", [mypy, pyright], ids=["mypy", "pyright"])


@pytest.mark.long
@CHECKERS
def test_nothing_is_found_in_good_dags_and_the_examples(checker: Any) -> None:
    assert checker(TYPED / "good.py", *DAGS) == []


@pytest.mark.long
@CHECKERS
def test_every_mistake_is_found(checker: Any) -> None:
    calls = {
        statement.lineno: range(statement.lineno, (statement.end_lineno or 0) + 1)
        for statement in ast.parse((TYPED / "bad.py").read_text()).body
        if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call)
    }
    assert len(calls) > 20
    lines = {line for _, line, _ in checker(TYPED / "bad.py")}
    assert [begin for begin, call in calls.items() if lines.isdisjoint(call)] == [], "not found"
    assert lines <= {line for call in calls.values() for line in call}, "found where nothing is wrong"


def test_the_signatures_are_those_of_the_code() -> None:
    found = subprocess.run(
        [sys.executable, str(ROOT / ".ci" / "signatures.py"), "--check"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 0, found.stdout + found.stderr


def named(method: Any) -> set[str]:
    """Return the names of a method's keyword arguments."""
    return {
        each.name for each in inspect.signature(method).parameters.values() if each.kind is each.KEYWORD_ONLY
    }


@pytest.mark.parametrize("vendor", ENTRIES)
def test_a_vendors_operator_names_every_argument_and_explains_it(vendor: str) -> None:
    module = import_module(f"airflow_profile_provider.operators.{vendor}")
    (operator,) = (
        found
        for found in vars(module).values()
        if isinstance(found, type) and found.__module__ == module.__name__
    )
    arguments = named(operator.__init__)
    assert named(PushProfilesOperator.__init__) < arguments
    assert [name for name in arguments if f":param {name}: " not in operator.__doc__] == []


@pytest.mark.parametrize("vendor", ENTRIES)
def test_a_vendors_hook_names_every_argument_and_explains_it(vendor: str) -> None:
    module, name = ENTRIES[vendor]["hook-class-name"].rsplit(".", 1)
    push = getattr(import_module(module), name).push
    arguments = named(push)
    assert named(ProfileHook.push) - {"relationships"} <= arguments
    assert [name for name in arguments if f"    {name}: " not in push.__doc__] == []
    assert not any(each.kind is each.VAR_KEYWORD for each in inspect.signature(push).parameters.values())


def test_the_arguments_of_airflows_operators_are_known() -> None:
    parameters = inspect.signature(BaseOperator.__init__).parameters.values()
    theirs = {each.name for each in parameters if each.kind is each.KEYWORD_ONLY}
    assert theirs <= OperatorArguments.__annotations__.keys()
