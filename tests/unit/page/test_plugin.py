"""What every process of Airflow loads of the page: next to nothing."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from importlib import import_module

import pytest
from own_airflow import AIRFLOW, ROOT

from airflow_profile_provider.get_provider_info import get_provider_info

CLASS = "airflow_profile_provider.page.plugin.ProfilesPlugin"
LOADED = """
import sys
from airflow_profile_provider.page.plugin import ProfilesPlugin
found = [name for name in sys.modules if name.startswith("airflow_profile_provider.page.")]
print(*found, "fastapi" in sys.modules)
"""
ADDRESSES = """
from airflow_profile_provider.page.plugin import ProfilesPlugin
for app in ProfilesPlugin.react_apps:
    print(app["bundle_url"], app["icon"], app["icon_dark_mode"])
"""


def printed(code: str, **more: str) -> list[str]:
    """What code prints in a process of its own."""
    env = {**os.environ, **AIRFLOW.environment(), **more, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    return done.stdout.split()


def test_the_plugin_is_declared_in_both_places_as_the_same() -> None:
    (entry,) = get_provider_info()["plugins"]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    declared = project["entry-points"]["airflow.plugins"]
    assert {name: target.replace(":", ".") for name, target in declared.items()} == {
        entry["name"]: entry["plugin-class"]
    }
    module, _, name = CLASS.rpartition(".")
    assert entry["plugin-class"] == CLASS
    assert getattr(import_module(module), name).name == entry["name"]


def test_the_plugin_imports_nothing_of_the_page() -> None:
    assert printed(LOADED) == ["airflow_profile_provider.page.plugin", "False"]


@pytest.mark.parametrize("base", ["", "/team/airflow"])
def test_every_address_has_the_path_under_which_airflow_is_reached(base: str) -> None:
    addresses = printed(ADDRESSES, AIRFLOW__API__BASE_URL=f"http://127.0.0.1:8080{base}")
    assert len(addresses) == 6
    for address in addresses:
        assert address.startswith(f"{base}/profiles/static/")
        assert "?v=" in address
