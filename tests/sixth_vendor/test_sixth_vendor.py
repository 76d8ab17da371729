"""Another vendor needs a module, a hook and an operator of its own, and nothing of the package changed."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from standins.server import Reply, Seen, StandIn

from airflow_profile_provider import vendor
from airflow_profile_provider.get_provider_info import get_provider_info

from .hook import AcmeHook
from .operator import AcmePushProfilesOperator

PACKAGE = Path(__file__).parents[2] / "airflow_profile_provider"


class AcmeStandIn(StandIn):
    """Takes a list of people or refuses all of it."""

    def answer(self, request: Seen) -> Reply:
        people = request.json or []
        if request.headers.get("authorization") != f"Bearer {self.secret}":
            return Reply(401)
        if any(str(person["number"]) not in self.profiles for person in people):
            return Reply(404)
        for person in people:
            self.profiles[person["number"]].update(person)
        return Reply(200, {"ok": True})

    def is_write(self, request: Seen) -> bool:
        return request.method == "PUT"

    def keys_of(self, request: Seen) -> list[str]:
        return [person["number"] for person in request.json]


@pytest.fixture
def acme(monkeypatch: pytest.MonkeyPatch) -> Iterator[AcmeStandIn]:
    with AcmeStandIn({str(n): {} for n in range(10)}) as stand_in:
        connection = {"conn_type": "acme", "host": stand_in.url, "password": stand_in.secret}
        monkeypatch.setenv("AIRFLOW_CONN_ACME_DEFAULT", json.dumps(connection))
        yield stand_in


def test_a_sixth_vendor_pushes_splits_and_reports(acme: AcmeStandIn) -> None:
    people = [{"number": str(n), "nick": f"n{n}"} for n in range(9)] + [{"number": "404", "nick": "x"}]
    push = AcmePushProfilesOperator(
        task_id="push", records=people, key="number", fields=["nick"], batch_size=3, max_failed=1
    )
    report = push.execute({})
    assert (report["pushed"], report["rejected"], report["requests"]) == (9, 1, 4)
    assert [acme.profiles[str(n)].get("nick") for n in range(9)] == [f"n{n}" for n in range(9)]


def test_a_sixth_vendors_connection_is_tested_and_checked(
    acme: AcmeStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert AcmeHook().test_connection() == (True, "Acme People: Acme is there")
    monkeypatch.setenv("AIRFLOW_CONN_ACME_DEFAULT", json.dumps({"conn_type": "acme"}))
    works, words = AcmeHook().test_connection()
    assert not works
    assert "host (API address) is missing" in words
    assert "password (passphrase) is missing" in words


def test_a_sixth_vendor_has_an_address_and_no_page_unless_it_names_one(acme: AcmeStandIn) -> None:
    assert AcmeHook().address == f"acme://{acme.url.partition('://')[2]}/profiles"
    assert AcmeHook().site == ""
    push = AcmePushProfilesOperator(task_id="push", records=[], key="number", fields={"nick": "name"})
    (vendor,) = push.get_openlineage_facets_on_start().outputs
    assert vendor.namespace == f"acme://{acme.url.partition('://')[2]}"


def test_no_vendors_name_stands_outside_its_own_files() -> None:
    vendors = [entry["connection-type"] for entry in get_provider_info()["connection-types"]]
    allowed = {"vendors", "sandbox", "get_provider_info.py"}
    shared = [
        path
        for path in PACKAGE.rglob("*.py")
        if path.relative_to(PACKAGE).parts[0] not in allowed and path.stem not in vendors
    ]
    assert len(shared) > 10
    names = re.compile("|".join(vendors), re.IGNORECASE)
    assert [path.name for path in shared if names.search(path.read_text())] == []


def test_vendors_do_no_input_or_output() -> None:
    source = "\n".join(path.read_text() for path in (PACKAGE / "vendors").rglob("*.py"))
    outside = r"^(import|from) (requests|urllib3|socket|time|os|pathlib|airflow\.)"
    assert not re.search(outside, source, re.MULTILINE)


def test_all_that_our_own_vendors_are_made_of_is_there_for_others() -> None:
    package = r"airflow_profile_provider\.vendors\.\w+"
    ours = re.compile(rf"^from {package} import (?:\(([^)]+)\)|(.+))$", re.MULTILINE)
    needed = {
        name.strip()
        for path in (PACKAGE / "vendors").rglob("*.py")
        if path.stem not in {"base", "comparing", "exchange", "fields", "listing", "reads", "writes"}
        for found in ours.findall(path.read_text())
        for name in "".join(found).split(",")
    }
    assert {"Vendor", "Request", "Answer"} <= needed - {""} <= set(vendor.__all__)


@pytest.mark.long
def test_a_sixth_vendors_first_dag_is_written_by_our_command(acme: AcmeStandIn, tmp_path: Path) -> None:
    info = tmp_path / "acme_provider-1.0.dist-info"
    info.mkdir()
    info.joinpath("METADATA").write_text("Metadata-Version: 2.1\nName: acme-provider\nVersion: 1.0\n")
    info.joinpath("entry_points.txt").write_text("[apache_airflow_provider]\nprovider_info=acme_info:info\n")
    modules = {
        "connection-types": [
            {"connection-type": "acme", "hook-class-name": AcmeHook.__module__ + ".AcmeHook"}
        ],
        "operators": [{"integration-name": "Acme", "python-modules": ["sixth_vendor.operator"]}],
    }
    told = {"package-name": "acme-provider", "name": "Acme", "description": "People.", **modules}
    tmp_path.joinpath("acme_info.py").write_text(f"def info():\n    return {told!r}\n")
    people = tmp_path / "people.csv"
    people.write_text("number,nick\n1,Ann\n")
    words = [
        "init",
        "--conn-id",
        "acme_default",
        "--records",
        str(people),
        "--key",
        "number",
        "--output",
        "-",
    ]
    paths = [str(tmp_path), str(PACKAGE.parent), str(PACKAGE.parent / "tests")]
    done = subprocess.run(
        [sys.executable, "-m", "airflow_profile_provider.cli", *words],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths), "AIRFLOW_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "from sixth_vendor.operator import AcmePushProfilesOperator" in done.stdout, done.stderr
