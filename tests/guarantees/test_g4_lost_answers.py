"""G4 lost answers: at most one create per key, and updates whose answer was lost end in the right state."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from . import strategies
from .fixtures import PATIENT, QUICK
from .outcome import assert_adds_up, assert_files_agree, assert_vendor_agrees, push
from .rig import Rig

LOST: dict[str, dict[str, Any]] = {
    "answer lost": {"kind": "lost"},
    "time-out": {"kind": "delay", "delay": strategies.TIMEOUT + 0.15},
    "cut": {"kind": "truncate"},
    "a proxy's page": {"kind": "html", "commit": True},
    "empty": {"kind": "empty", "commit": True},
    "500": {"kind": "status", "status": 500, "commit": True},
    "504": {"kind": "status", "status": 504, "commit": True},
}
"""Ways to carry a request out and not say so."""

lost = st.sampled_from(sorted(set(LOST) - {"time-out"})).map(LOST.__getitem__)
unsent = st.sampled_from([{"kind": "reset"}, {"kind": "status", "status": 503}, {"kind": "html"}])
when = st.one_of(
    st.fixed_dictionaries({"every": st.integers(1, 4), "skip": st.integers(0, 3)}),
    st.fixed_dictionaries({"probability": st.floats(0.1, 0.7), "seed": st.integers(0, 99)}),
    st.fixed_dictionaries({"skip": st.integers(0, 20), "times": st.integers(1, 12)}),
)
gaps = st.lists(st.tuples(st.one_of(lost, unsent), when).map(lambda pair: pair[0] | pair[1]), max_size=3)
"""What is answered in vain, or not at all, and never a refusal."""


@pytest.mark.parametrize("how", LOST)
def test_g4_an_update_whose_answer_was_lost_is_sent_again(
    rig: Rig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """Carried out and not acknowledged: it is repeated, nobody is made new, and the right value stays."""
    if how == "time-out":
        monkeypatch.setattr(rig.hook_class, "retry_rule", PATIENT)
    keys = rig.all_keys()[:6]
    rig.connect(timeout=strategies.TIMEOUT)
    rig.fault_of_writes(keys[3], **LOST[how], times=1)
    changes = [rig.change(key, f"new {n}") for n, key in enumerate(keys)]
    before = rig.held()
    outcome = push(rig, changes, tmp_path, concurrency=2)
    assert outcome.counts() == {"pushed": 6}
    assert rig.held() == before | {change["key"]: change["fields"][rig.field] for change in changes}


@pytest.mark.parametrize("how", LOST)
def test_g4_an_update_that_never_gets_its_answer_is_failed(
    rig: Rig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """The report claims no acknowledgement that there was not, though the vendor may hold the value."""
    monkeypatch.setattr(rig.hook_class, "retry_rule", replace(QUICK, attempts=2))
    if how == "cut" and rig.answers_without_body:
        pytest.skip("an answer without a body cannot be cut")
    keys = rig.all_keys()[:4]
    rig.connect(timeout=strategies.TIMEOUT)
    rig.fault_of_writes(keys[1], **LOST[how])
    changes = [rig.change(key, f"new {n}") for n, key in enumerate(keys)]
    outcome = push(rig, changes, tmp_path, concurrency=1)
    assert outcome.counts() == {"pushed": 3, "failed": 1}
    assert outcome.verdicts == {2: "failed"}
    assert rig.held()[keys[1]] == "new 1"


@strategies.some(10)
@given(picked=st.lists(st.integers(0, 9), max_size=40), troubles=gaps, concurrency=st.integers(1, 8))
def test_g4_lost_updates_make_nobody_and_lose_nothing(
    rig: Rig, tmp_path: Path, picked: list[int], troubles: list[dict[str, Any]], concurrency: int
) -> None:
    """Whatever answers are lost, profiles stay as many as they were, and hold what the verdicts say."""
    rig.sandbox.reset()
    for trouble in troubles:
        rig.fault(**trouble)
    before = rig.held()
    keys = list(before)
    changes = [rig.change(keys[pick], f"v{n}") for n, pick in enumerate(picked)]
    outcome = push(rig, changes, tmp_path, concurrency=concurrency)
    assert_adds_up(outcome, len(changes))
    assert_vendor_agrees(outcome, changes, rig.field, before, rig.held())


# -- creates: Communifire makes users, Agile.Now accounts ----------------------------------------------------

creators = pytest.mark.parametrize("rig", ["communifire"], indirect=True)
"""For the vendor whose update can make a profile."""


@creators
@pytest.mark.parametrize("mode", ["create", "upsert"])
@strategies.some(30)
@given(
    picked=st.lists(st.integers(0, 15), max_size=30),
    kind=st.sampled_from(["Email", "Username"]),
    troubles=gaps,
    concurrency=st.integers(1, 8),
)
def test_g4_at_most_one_create_per_key(
    rig: Rig,
    tmp_path: Path,
    mode: str,
    picked: list[int],
    kind: str,
    troubles: list[dict[str, Any]],
    concurrency: int,
) -> None:
    """Whatever answers are lost, a site that takes a second user of one address never gets one."""
    rig.sandbox.reset()
    rig.sandbox.settings(rig.vendor, add_existing="duplicate")
    for trouble in troubles:
        rig.fault(**trouble)
    people = len(rig.all_keys())
    changes = [
        {"key": f"new{pick}@example.com", "fields": {"First name": f"v{n}", "Last name": "M"}}
        for n, pick in enumerate(picked)
    ]
    outcome = push(rig, changes, tmp_path, key_type=kind, mode=mode, concurrency=concurrency)
    assert_adds_up(outcome, len(changes))
    assert_files_agree(outcome, changes)
    found = list(rig.sandbox.profiles(rig.vendor).values())[people:]
    names = [user[kind] for user in found]
    assert len(set(names)) == len(names)
    last = {change["key"]: change["fields"]["First name"] for change in changes}
    for key in outcome.delivered or ():
        assert [user["First name"] for user in found if user[kind] == key] == [last[key]]


@pytest.mark.parametrize("rig", ["agilenow"], indirect=True)
@pytest.mark.parametrize("mode", ["create", "upsert"])
@strategies.some(30)
@given(
    picked=st.lists(st.integers(0, 15), max_size=30),
    kind=st.sampled_from(["Username", "ExternalId"]),
    write=st.sampled_from(["merge", "put"]),
    troubles=gaps,
    concurrency=st.integers(1, 8),
)
def test_g4_at_most_one_account_per_key(
    rig: Rig,
    tmp_path: Path,
    mode: str,
    picked: list[int],
    kind: str,
    write: str,
    troubles: list[dict[str, Any]],
    concurrency: int,
) -> None:
    """Whatever answers are lost, a server that takes a second account of one name never gets one."""
    rig.sandbox.reset()
    rig.sandbox.settings(rig.vendor, create_existing="make")
    for trouble in troubles:
        rig.fault(**trouble)
    people = len(rig.all_keys())
    changes = [
        {"key": f"new{pick}", "fields": {**person(pick, f"v{n}"), "Username": f"new{pick}"}}
        for n, pick in enumerate(picked)
    ]
    outcome = push(rig, changes, tmp_path, key_type=kind, mode=mode, write=write, concurrency=concurrency)
    assert_adds_up(outcome, len(changes))
    assert_files_agree(outcome, changes)
    found = list(rig.sandbox.profiles(rig.vendor).values())[people:]
    names = [account[kind] for account in found]
    assert len(set(names)) == len(names)
    if mode == "upsert":
        last = {change["key"]: change["fields"]["FirstName"] for change in changes}
        for key in outcome.delivered or ():
            assert [account["FirstName"] for account in found if account[kind] == key] == [last[key]]


def person(number: int, name: str) -> dict[str, Any]:
    """What an account of Agile.Now cannot be without."""
    return {"FirstName": name, "LastName": "M", "Email": f"new{number}@example.com"}


@creators
@pytest.mark.parametrize("how", LOST)
def test_g4_a_create_whose_answer_was_lost_is_created_once(rig: Rig, tmp_path: Path, how: str) -> None:
    """The next attempt asks with an update first, and the change counts as created."""
    rig.sandbox.settings(rig.vendor, add_existing="duplicate")
    rig.connect(timeout=strategies.TIMEOUT)
    rig.fault(**LOST[how], path="fields", times=1)
    people = len(rig.all_keys())
    changes = [{"key": f"n{n}@example.com", "fields": {"First name": "N"}} for n in range(3)]
    outcome = push(rig, changes, tmp_path, key_type="Email", mode="create", concurrency=1)
    assert outcome.counts() == {"created": 3}
    assert len(rig.all_keys()) == people + 3
    asked = [entry["query"] for entry in rig.log() if entry["method"] == "POST"]
    assert asked[:2] == ["AddUser=true", "AddUser=false"]


@creators
def test_g4_a_question_that_is_refused_makes_nobody_twice(rig: Rig, tmp_path: Path) -> None:
    """A create is lost and the update that asks for it is forbidden: no proof that nobody is there."""
    rig.sandbox.settings(rig.vendor, add_existing="duplicate")
    rig.fault("lost", path="fields", times=1)
    rig.fault("status", status=403, path="fields", times=1)
    people = len(rig.all_keys())
    outcome = push(
        rig,
        [{"key": "n@example.com", "fields": {"First name": "N"}}],
        tmp_path,
        key_type="Email",
        mode="create",
    )
    assert_adds_up(outcome, 1)
    assert len(rig.all_keys()) == people + 1
