"""One person's change goes to five vendors on a trigger, while some of them are away."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from acceptance.events.people import People
from include.demo.source import VENDORS
from postgres import private_postgres
from sqlalchemy import create_engine

from airflow_profile_provider.sandbox import Sandbox

from .conftest import Deployment

pytestmark = [pytest.mark.long, pytest.mark.timeout(1200)]

SHOWN = {
    "sonoran": "0b6c2f4e-58a7-4c1d-9f0e-3a1b7c5d2e90",
    "communifire": "First name",
    "agilenow": "FirstName",
    "ocamba": "full_name",
    "lightfield": "$name",
}
"""A field of each vendor that the DAG maps."""
AWAY = ("communifire", "ocamba")


@pytest.fixture
def people(
    deployment: Deployment, sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[People]:
    with private_postgres(tmp_path_factory.mktemp("postgres")) as found:
        address = f"postgresql+psycopg://{found['login']}@/{found['schema']}?host={found['host']}"
        app = People(create_engine(address), {vendor: list(sandbox.keys(vendor)) for vendor in VENDORS})
        app.make()
        deployment.airflow.connect({"profiles_app": found})
        deployment.switch_on("on_change_to_all")
        (nightly,) = deployment.first_run("on_change_to_all")  # which finds nothing, and is no event's
        deployment.end_of("on_change_to_all", nightly)
        yield app
        deployment.airflow.request("PATCH", "dags/on_change_to_all", {"is_paused": True})
        app.engine.dispose()


def test_a_person_goes_from_one_vendor_to_the_next_and_nobody_waits_for_who_is_away(
    deployment: Deployment, sandbox: Sandbox, people: People
) -> None:
    def marked(number: int, marks: dict[str, Any]) -> None:
        deployment.until(lambda: people.marks(number) == marks, f"row {number} to be marked so: {marks}", 300)

    def shown(person: int) -> dict[str, Any]:
        return {v: sandbox.profile(v, people.keys[v][person])[SHOWN[v]] for v in VENDORS}

    committed = time.monotonic()
    first = people.commit(0, "Ada")
    marked(first, dict.fromkeys(VENDORS, "pushed"))
    print(f"from the commit to the mark of the fifth vendor: {time.monotonic() - committed:.1f} s")
    assert shown(0) == dict.fromkeys(VENDORS, "Ada")

    for vendor in AWAY:
        sandbox.faults(vendor, "status", status=503)
    second = people.commit(1, "Bea")
    others = {vendor: None if vendor in AWAY else "pushed" for vendor in VENDORS}
    marked(second, others)
    third = people.commit(2, "Cleo")  # a later change, to which nothing of this is a hindrance
    marked(third, others)

    nobody = "00000000-0000-4000-8000-000000000001"
    refused = people.commit(3, "Dora", sonoran=nobody)
    marked(refused, {**dict.fromkeys(VENDORS), "sonoran": "rejected"})

    sandbox.clear_faults()
    marked(second, dict.fromkeys(VENDORS, "pushed"))  # announced again, by nobody's hand
    marked(third, dict.fromkeys(VENDORS, "pushed"))
    assert (shown(1), shown(2)) == (dict.fromkeys(VENDORS, "Bea"), dict.fromkeys(VENDORS, "Cleo"))
    assert people.marks(refused) == {**dict.fromkeys(VENDORS), "sonoran": "rejected"}
    assert "Dora" not in [sandbox.profile(v, people.keys[v][3])[SHOWN[v]] for v in VENDORS]
