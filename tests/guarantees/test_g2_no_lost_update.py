"""G2 no lost update: once faults stop and the rejects are replayed, the vendor's state equals the source."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from . import strategies
from .fixtures import QUICK
from .outcome import push
from .rig import Rig
from .test_g1_conservation import prepare

updates = strategies.few_or_many(
    st.tuples(st.integers(0, 9), st.sets(st.integers(0, 1), min_size=1), st.text("aé'\"\\ 你", max_size=4))
)
"""Profile, which of two fields, and some text."""


def changes_of(rig: Rig, drawn: list[tuple[int, set[int], str]]) -> list[dict[str, Any]]:
    """The changes that updates stand for, each with values of its own."""
    keys, names = rig.all_keys(), rig.texts
    return [
        {
            "key": keys[pick],
            "fields": {names[which % len(names)]: f"v{n} {text.strip()}!" for which in sorted(some)},
        }
        for n, (pick, some, text) in enumerate(drawn)
    ]


def source_laid_over(rig: Rig, changes: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """What the vendor must hold once every change is delivered, in the source's order."""
    expected = rig.sandbox.profiles(rig.vendor)
    for change in changes:
        expected[change["key"]] |= change["fields"]
    return expected


def replay(rig: Rig, folder: Path) -> None:
    """Push the rejects until there are none; without faults, once is enough."""
    rejects = folder / "rejects.jsonl"
    if rejects.exists():
        again = rig.hook.push(rejects)
        assert again.undelivered == 0


@pytest.mark.parametrize("kind", strategies.TROUBLES)
@strategies.some(5)
@given(drawn=updates, data=st.data(), way=strategies.ways)
def test_g2_no_lost_update(
    rig: Rig,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    drawn: list[Any],
    data: st.DataObject,
    way: dict[str, Any],
) -> None:
    """Whatever went wrong, replaying the rejects leaves each profile with its last change."""
    prepare(rig, monkeypatch, data.draw(strategies.TROUBLES[kind]), way | {"window": 1000})
    changes = changes_of(rig, drawn)
    expected = source_laid_over(rig, changes)
    push(
        rig,
        changes,
        tmp_path,
        concurrency=way["concurrency"],
        batch_size=min(way["batch_size"], rig.batch_limit),
    )
    rig.sandbox.clear_faults()
    replay(rig, tmp_path)
    assert rig.sandbox.profiles(rig.vendor) == expected


@strategies.some(10)
@given(drawn=updates, troubles=strategies.short, way=strategies.ways)
def test_g2_order_survives_repeats_and_concurrency(
    rig: Rig,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    drawn: list[Any],
    troubles: list[dict[str, Any]],
    way: dict[str, Any],
) -> None:
    """Changes of a key that are too far apart to be one arrive in order, however often they are repeated."""
    prepare(rig, monkeypatch, troubles, way | {"window": 5})
    monkeypatch.setattr(rig.hook_class, "retry_rule", replace(QUICK, attempts=30))
    changes = changes_of(rig, drawn)
    expected = source_laid_over(rig, changes)
    outcome = push(rig, changes, tmp_path, concurrency=way["concurrency"])
    assert outcome.report.undelivered == 0
    assert rig.sandbox.profiles(rig.vendor) == expected


@pytest.mark.parametrize(
    "trouble",
    [
        {"kind": "delay", "delay": 0.15, "when": "before", "times": 1},
        {"kind": "status", "status": 503, "times": 4},
        {"kind": "lost", "times": 4},
    ],
    ids=["slow", "503", "lost"],
)
def test_g2_a_change_under_way_is_not_overtaken(
    rig: Rig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trouble: dict[str, Any]
) -> None:
    """While a change is on its way or waits for its repeat, a later one of the same key stays behind it."""
    monkeypatch.setattr("airflow_profile_provider.push.push.WINDOW", 5)
    monkeypatch.setattr(rig.hook_class, "retry_rule", replace(QUICK, first_wait=0.05, longest_wait=0.05))
    keys = rig.all_keys()
    first = [rig.change(keys[1], "the first answer lets the others go")]
    between = [rig.change(key, "between") for key in keys[2:20]]
    changes = [*first, rig.change(keys[0], "older"), *between, rig.change(keys[0], "newer")]
    rig.fault_of_writes(keys[0], **trouble)
    outcome = push(rig, changes, tmp_path, concurrency=3)
    assert outcome.counts() == {"pushed": len(changes)}
    assert rig.held()[keys[0]] == "newer"


@pytest.mark.parametrize("status", [503, 422])
def test_g2_a_reject_that_was_overtaken_does_not_come_back(rig: Rig, tmp_path: Path, status: int) -> None:
    """A change that failed or was refused, then a later one that got through: a replay must not undo it."""
    keys = rig.all_keys()
    between = [rig.change(keys[1 + n % 39], f"between {n}") for n in range(1100)]
    changes = [rig.change(keys[0], "older"), *between, rig.change(keys[0], "newer")]
    expected = source_laid_over(rig, changes)
    attempts = rig.hook_class.retry_rule.attempts if status == 503 else 1
    rig.fault_of_writes(keys[0], "status", status=status, times=attempts)
    outcome = push(rig, changes, tmp_path)
    assert outcome.report.complete
    assert rig.held()[keys[0]] == "newer"
    replay(rig, tmp_path)
    assert rig.sandbox.profiles(rig.vendor) == expected
