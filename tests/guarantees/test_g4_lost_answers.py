"""G4 lost answers: at most one create per key, and updates whose answer was lost end in the right state."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from . import strategies
from .bench import Bench
from .fixtures import PATIENT, QUICK
from .outcome import assert_adds_up, assert_files_agree, assert_vendor_agrees, push

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
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """Carried out and not acknowledged: it is repeated, nobody is made new, and the right value stays."""
    if how == "time-out":
        monkeypatch.setattr(bench.hook_class, "retry_rule", PATIENT)
    keys = bench.all_keys()[:6]
    bench.connect(timeout=strategies.TIMEOUT)
    bench.fault_of_writes(keys[3], **LOST[how], times=1)
    changes = [bench.change(key, f"new {n}") for n, key in enumerate(keys)]
    before = bench.held()
    outcome = push(bench, changes, tmp_path, concurrency=2)
    assert outcome.counts() == {"pushed": 6}
    assert bench.held() == before | {change["key"]: change["fields"][bench.field] for change in changes}


@pytest.mark.parametrize("how", LOST)
def test_g4_an_update_that_never_gets_its_answer_is_failed(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """The report claims no acknowledgement that there was not, though the vendor may hold the value."""
    monkeypatch.setattr(bench.hook_class, "retry_rule", replace(QUICK, attempts=2))
    if how == "cut" and bench.answers_without_body:
        pytest.skip("an answer without a body cannot be cut")
    keys = bench.all_keys()[:4]
    bench.connect(timeout=strategies.TIMEOUT)
    bench.fault_of_writes(keys[1], **LOST[how])
    changes = [bench.change(key, f"new {n}") for n, key in enumerate(keys)]
    outcome = push(bench, changes, tmp_path, concurrency=1)
    assert outcome.counts() == {"pushed": 3, "failed": 1}
    assert outcome.verdicts == {2: "failed"}
    assert bench.held()[keys[1]] == "new 1"


@strategies.some(10)
@given(picked=st.lists(st.integers(0, 9), max_size=40), troubles=gaps, concurrency=st.integers(1, 8))
def test_g4_lost_updates_make_nobody_and_lose_nothing(
    bench: Bench, tmp_path: Path, picked: list[int], troubles: list[dict[str, Any]], concurrency: int
) -> None:
    """Whatever answers are lost, profiles stay as many as they were, and hold what the verdicts say."""
    bench.sandbox.reset()
    for trouble in troubles:
        bench.fault(**trouble)
    before = bench.held()
    keys = list(before)
    changes = [bench.change(keys[pick], f"v{n}") for n, pick in enumerate(picked)]
    outcome = push(bench, changes, tmp_path, concurrency=concurrency)
    assert_adds_up(outcome, len(changes))
    assert_vendor_agrees(outcome, changes, bench.field, before, bench.held())


# -- creates: Communifire is the vendor that makes users ----------------------------------------------------

creators = pytest.mark.parametrize("bench", ["communifire"], indirect=True)
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
    bench: Bench,
    tmp_path: Path,
    mode: str,
    picked: list[int],
    kind: str,
    troubles: list[dict[str, Any]],
    concurrency: int,
) -> None:
    """Whatever answers are lost, a site that takes a second user of one address never gets one."""
    bench.sandbox.reset()
    bench.sandbox.settings(bench.vendor, add_existing="duplicate")
    for trouble in troubles:
        bench.fault(**trouble)
    people = len(bench.all_keys())
    changes = [
        {"key": f"new{pick}@example.com", "fields": {"First name": f"v{n}", "Last name": "M"}}
        for n, pick in enumerate(picked)
    ]
    outcome = push(bench, changes, tmp_path, key_type=kind, mode=mode, concurrency=concurrency)
    assert_adds_up(outcome, len(changes))
    assert_files_agree(outcome, changes)
    found = list(bench.sandbox.profiles(bench.vendor).values())[people:]
    names = [user[kind] for user in found]
    assert len(set(names)) == len(names)
    last = {change["key"]: change["fields"]["First name"] for change in changes}
    for key in outcome.delivered or ():
        assert [user["First name"] for user in found if user[kind] == key] == [last[key]]


@creators
@pytest.mark.parametrize("how", LOST)
def test_g4_a_create_whose_answer_was_lost_is_created_once(bench: Bench, tmp_path: Path, how: str) -> None:
    """The next attempt asks with an update first, and the change counts as created."""
    bench.sandbox.settings(bench.vendor, add_existing="duplicate")
    bench.connect(timeout=strategies.TIMEOUT)
    bench.fault(**LOST[how], path="fields", times=1)
    people = len(bench.all_keys())
    changes = [{"key": f"n{n}@example.com", "fields": {"First name": "N"}} for n in range(3)]
    outcome = push(bench, changes, tmp_path, key_type="Email", mode="create", concurrency=1)
    assert outcome.counts() == {"created": 3}
    assert len(bench.all_keys()) == people + 3
    asked = [entry["query"] for entry in bench.log() if entry["method"] == "POST"]
    assert asked[:2] == ["AddUser=true", "AddUser=false"]


@creators
def test_g4_a_question_that_is_refused_makes_nobody_twice(bench: Bench, tmp_path: Path) -> None:
    """A create is lost and the update that asks for it is forbidden: no proof that nobody is there."""
    bench.sandbox.settings(bench.vendor, add_existing="duplicate")
    bench.fault("lost", path="fields", times=1)
    bench.fault("status", status=403, path="fields", times=1)
    people = len(bench.all_keys())
    outcome = push(
        bench,
        [{"key": "n@example.com", "fields": {"First name": "N"}}],
        tmp_path,
        key_type="Email",
        mode="create",
    )
    assert_adds_up(outcome, 1)
    assert len(bench.all_keys()) == people + 1
