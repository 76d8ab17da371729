"""Profiles that are made where there are none, once, at every vendor whose API documents it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from standins import Fault

from airflow_profile_provider.errors import ConfigurationError
from airflow_profile_provider.vendors.creating import Creates

from .conftest import OpenRig
from .rig import Rig, counts, registered
from .samples import SAMPLES

KNOWN, UNKNOWN = range(90), range(90, 100)
CREATORS = [name for name in registered() if SAMPLES[name].create_by]


@pytest.fixture
def ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = {"conn_type": "sqlite", "host": str(tmp_path / "ledger.db")}
    monkeypatch.setenv("AIRFLOW_CONN_LEDGER", json.dumps(store))


@pytest.fixture(params=CREATORS)
def rig(request: pytest.FixtureRequest, open_rig: OpenRig) -> Rig:
    rig = open_rig(request.param)
    rig.hurry()
    rig.hold(*KNOWN)
    return rig


def changes(rig: Rig, *numbers: int) -> list[dict[str, Any]]:
    """Changes of profiles by the key that people give them."""
    by = rig.sample.create_by
    return [{"key": rig.sample.before(n)[by], "fields": rig.sample.created(n)} for n in numbers]


def push(rig: Rig, mode: str, *numbers: int) -> Any:
    return rig.push(changes(rig, *numbers), key_type=rig.sample.create_by, mode=mode)


def push_compared(rig: Rig, *numbers: int, **options: Any) -> Any:
    """Upsert what differs from the ledger; ``said`` is the text field of the first."""
    rows = changes(rig, *numbers)
    if said := options.pop("said", None):
        rows[0]["fields"][rig.sample.text] = said
    given = {"ledger_conn_id": "ledger", "changed_fields_only": True, "mode": "upsert", **options}
    return rig.push(rows, key_type=rig.sample.create_by, **given)


def drop(rig: Rig, number: int) -> None:
    """Let the vendor have no such profile any longer."""
    by = rig.sample.create_by
    name = rig.sample.before(number)[by]
    profiles = rig.stand_in.profiles
    (key,) = [key for key, fields in profiles.items() if fields[by] == name]
    del profiles[key]


def holds(rig: Rig, *numbers: int) -> bool:
    """Whether each is there once, with the fields of its change."""
    by = rig.sample.create_by
    held: dict[str, list[dict[str, Any]]] = {}
    for fields in rig.stand_in.profiles.values():
        held.setdefault(fields[by], []).append(fields)
    found = [held.get(rig.sample.before(n)[by], []) for n in numbers]
    wanted = [rig.sample.created(n) for n in numbers]
    return all(
        len(each) == 1 and each[0].items() >= fields.items()
        for each, fields in zip(found, wanted, strict=True)
    )


def test_every_vendor_that_creates_has_sample_material() -> None:
    from .rig import registration

    def rules(conn_type: str) -> Any:
        from importlib import import_module

        module, name = registration(conn_type)["hook-class-name"].rsplit(".", 1)
        return getattr(import_module(module), name).vendor_class

    assert [name for name in registered() if issubclass(rules(name), Creates)] == CREATORS


@pytest.mark.parametrize("lost", [False, True], ids=["answered", "every create's answer lost"])
def test_an_upsert_updates_who_is_there_and_makes_who_is_missing(rig: Rig, lost: bool) -> None:
    rig.stand_in.faults = [Fault(drop=True, on="create", times=None)] if lost else []
    report = push(rig, "upsert", *KNOWN, *UNKNOWN)
    assert len(rig.stand_in.profiles) == 100
    assert holds(rig, *KNOWN, *UNKNOWN)
    told = {"pushed": 90, "created": 10} if rig.sample.tells_created else {"pushed": 100}
    assert counts(report) == told


@pytest.mark.parametrize("lost", [False, True], ids=["answered", "every create's answer lost"])
def test_a_create_makes_each_once(rig: Rig, lost: bool) -> None:
    rig.stand_in.faults = [Fault(drop=True, on="create", times=None)] if lost else []
    assert counts(push(rig, "create", *UNKNOWN)) == {"created": 10}
    assert len(rig.stand_in.profiles) == 100
    assert holds(rig, *UNKNOWN)


def test_a_create_that_never_arrived_is_sent_again(rig: Rig) -> None:
    rig.stand_in.faults = [Fault(reset=True, on="create", times=2)]
    assert counts(push(rig, "create", 90, 91)) == {"created": 2}
    assert holds(rig, 90, 91)


def test_whoever_is_there_already_is_not_made_and_not_changed(rig: Rig) -> None:
    before = dict(rig.holds(1))
    assert counts(push(rig, "create", 90, 1)) == {"created": 1, "rejected": 1}
    assert rig.holds(1) == before


def test_an_update_makes_nobody(rig: Rig) -> None:
    assert counts(push(rig, "update", 1, 90)) == {"pushed": 1, "rejected": 1}
    assert len(rig.stand_in.profiles) == 90


@pytest.mark.parametrize("mode", ["create", "upsert"])
def test_what_is_made_of_a_part_of_a_change_is_whole(rig: Rig, ledger: None, mode: str) -> None:
    """The ledger knows of fields that the vendor deleted along with the profile."""
    push_compared(rig, 95)
    drop(rig, 95)
    report = push_compared(rig, 95, said="Other", mode=mode)
    told = rig.sample.tells_created or mode == "create"
    assert counts(report) == {"created" if told else "pushed": 1}
    by = rig.sample.create_by
    (made,) = [one for one in rig.stand_in.profiles.values() if one[by] == rig.sample.before(95)[by]]
    assert made.items() >= {**rig.sample.created(95), rig.sample.text: "Other"}.items()


def test_a_leaver_is_never_made(rig: Rig, ledger: None) -> None:
    """Who left the source, and whose profile the vendor deleted, is not made again to be told so."""
    push_compared(rig, 1, 95)
    drop(rig, 95)
    report = push_compared(rig, 1, on_absent={rig.sample.text: "gone"})
    assert counts(report) == {"unchanged": 1, "rejected": 1}
    assert len(rig.stand_in.profiles) == 90


@pytest.mark.parametrize("mode", ["create", "upsert"])
def test_an_identifier_of_the_vendors_own_makes_nobody(rig: Rig, mode: str) -> None:
    """A mapping is refused when the DAG is parsed; among changes it is one record that is invalid."""
    own = next(iter(rig.hook_class.vendor_class.vendor_keys))
    with pytest.raises(ConfigurationError, match=f'mode="{mode}".*{own}.*{rig.sample.create_by}'):
        rig.operator_class(
            task_id="push", records="x.csv", key="id", fields=[rig.sample.text], key_type=own, mode=mode
        )
    change = {"key": rig.sample.nobody, "key_type": own, "fields": rig.sample.created(95)}
    report = rig.push([change, *changes(rig, 95)], key_type=rig.sample.create_by, mode=mode)
    assert report.invalid == 1
    assert len(rig.stand_in.profiles) == 91


def test_one_profile_can_be_made(rig: Rig) -> None:
    (change,) = changes(rig, 95)
    verdict = rig.hook.update_profile(
        change["key"], change["fields"], key_type=rig.sample.create_by, mode="create"
    )
    assert verdict == "created"
    assert holds(rig, 95)
