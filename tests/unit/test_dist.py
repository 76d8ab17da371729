"""What is installed elsewhere: the wheel and the source distribution."""

from __future__ import annotations

import configparser
import re
import subprocess
import sys
import tarfile
import zipfile
from email.message import Message
from email.parser import Parser
from pathlib import Path

import pytest
from readme_renderer.markdown import render

from airflow_profile_provider import __version__

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "airflow_profile_provider"
NAME = f"airflow_profile_provider-{__version__}"


def build(source: Path, folder: Path, *targets: str) -> Path:
    """Build the targets from a source tree, with the tools that are installed."""
    wanted = [word for target in targets for word in ("--target", target)]
    done = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--directory", str(folder), *wanted],
        cwd=source,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(ROOT, tmp_path_factory.mktemp("dist"), "sdist", "wheel")


@pytest.fixture(scope="module")
def wheel(dist: Path) -> Path:
    return dist / f"{NAME}-py3-none-any.whl"


@pytest.fixture(scope="module")
def sdist(dist: Path) -> Path:
    return dist / f"{NAME}.tar.gz"


@pytest.fixture(scope="module")
def unpacked(sdist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("unpacked")
    with tarfile.open(sdist) as archive:
        archive.extractall(folder, filter="data")
    return folder / NAME


@pytest.fixture(scope="module")
def metadata(wheel: Path) -> Message:
    with zipfile.ZipFile(wheel) as archive:
        return Parser().parsestr(archive.read(f"{NAME}.dist-info/METADATA").decode())


def test_the_wheel_has_every_file_of_the_package_and_no_other(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if ".dist-info/" not in name}
    wanted = {
        str(file.relative_to(ROOT))
        for file in PACKAGE.rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }
    assert held == wanted
    assert {f"airflow_profile_provider/{name}" for name in ("py.typed", "get_provider_info.py")} < held


def test_the_wheel_registers_the_provider(wheel: Path) -> None:
    entries = configparser.ConfigParser()
    with zipfile.ZipFile(wheel) as archive:
        entries.read_string(archive.read(f"{NAME}.dist-info/entry_points.txt").decode())
    assert dict(entries["apache_airflow_provider"]) == {
        "provider_info": "airflow_profile_provider.get_provider_info:get_provider_info"
    }


def test_the_source_distribution_builds_the_same_wheel(wheel: Path, unpacked: Path, tmp_path: Path) -> None:
    again = build(unpacked, tmp_path, "wheel") / wheel.name
    assert again.read_bytes() == wheel.read_bytes()


def test_the_source_distribution_has_what_make_needs(unpacked: Path) -> None:
    wanted = [*ROOT.glob("requirements*.lock"), *(ROOT / ".ci").iterdir(), *(ROOT / "docs").rglob("*.md")]
    missing = [file for file in wanted if not (unpacked / file.relative_to(ROOT)).exists()]
    assert [str(file) for file in missing if file.is_file()] == []


def test_a_second_build_is_the_same_byte_for_byte(wheel: Path, sdist: Path, tmp_path: Path) -> None:
    build(ROOT, tmp_path, "sdist", "wheel")
    assert (tmp_path / wheel.name).read_bytes() == wheel.read_bytes()
    assert (tmp_path / sdist.name).read_bytes() == sdist.read_bytes()


def test_a_package_index_takes_both(wheel: Path, sdist: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "twine", "check", "--strict", str(wheel), str(sdist)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_description_needs_no_file_beside_it(metadata: Message) -> None:
    """An index shows it without the project's folders."""
    text = metadata.get_payload()
    assert isinstance(text, str)
    shown = render(text)
    assert shown
    assert "<table>" in shown
    addresses = re.findall(r'(?:src|href)="([^"]*)"', shown)
    assert [address for address in addresses if not address.startswith(("https://", "#"))] == []
