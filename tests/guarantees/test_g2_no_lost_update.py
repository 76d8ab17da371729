"""G2 no lost update: once faults stop and the rejects are replayed, the vendor's state equals the source."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from . import strategies
from .bench import Bench
from .fixtures import QUICK
from .outcome import push
from .test_g1_conservation import prepare

updates = strategies.few_or_many(
    st.tuples(st.integers(0, 9), st.sets(st.integers(0, 1), min_size=1), st.text("aé'\"\\ 你", max_size=4))
)
"""Profile, which of two fields, and some text."""


def changes_of(bench: Bench, drawn: list[tuple[int, set[int], str]]) -> list[dict[str, Any]]:
    """The changes that updates stand for, each with values of its own."""
    keys, names = bench.all_keys(), bench.texts
    return [
        {
            "key": keys[pick],
            "fields": {names[which % len(names)]: f"v{n} {text.strip()}!" for which in sorted(some)},
        }
        for n, (pick, some, text) in enumerate(drawn)
    ]


def source_laid_over(bench: Bench, changes: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """What the vendor must hold once every change is delivered, in the source's order."""
    expected = bench.sandbox.profiles(bench.vendor)
    for change in changes:
        expected[change["key"]] |= change["fields"]
    return expected


def replay(bench: Bench, folder: Path) -> None:
    """Push the rejects until there are none; without faults, once is enough."""
    rejects = folder / "rejects.jsonl"
    if rejects.exists():
        again = bench.hook.push(rejects)
        assert again.undelivered == 0


@pytest.mark.parametrize("kind", strategies.TROUBLES)
@strategies.some(5)
@given(drawn=updates, data=st.data(), way=strategies.ways)
def test_g2_no_lost_update(
    bench: Bench,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    drawn: list[Any],
    data: st.DataObject,
    way: dict[str, Any],
) -> None:
    """Whatever went wrong, replaying the rejects leaves each profile with its last change."""
    prepare(bench, monkeypatch, data.draw(strategies.TROUBLES[kind]), way | {"window": 1000})
    changes = changes_of(bench, drawn)
    expected = source_laid_over(bench, changes)
    push(
        bench,
        changes,
        tmp_path,
        concurrency=way["concurrency"],
        batch_size=min(way["batch_size"], bench.batch_limit),
    )
    bench.sandbox.clear_faults()
    replay(bench, tmp_path)
    assert bench.sandbox.profiles(bench.vendor) == expected


@strategies.some(10)
@given(drawn=updates, troubles=strategies.short, way=strategies.ways)
def test_g2_order_survives_repeats_and_concurrency(
    bench: Bench,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    drawn: list[Any],
    troubles: list[dict[str, Any]],
    way: dict[str, Any],
) -> None:
    """Changes of a key that are too far apart to be one arrive in order, however often they are repeated."""
    prepare(bench, monkeypatch, troubles, way | {"window": 5})
    monkeypatch.setattr(bench.hook_class, "retry_rule", replace(QUICK, attempts=30))
    changes = changes_of(bench, drawn)
    expected = source_laid_over(bench, changes)
    outcome = push(bench, changes, tmp_path, concurrency=way["concurrency"])
    assert outcome.report.undelivered == 0
    assert bench.sandbox.profiles(bench.vendor) == expected


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
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trouble: dict[str, Any]
) -> None:
    """While a change is on its way or waits for its repeat, a later one of the same key stays behind it."""
    monkeypatch.setattr("airflow_profile_provider.push.WINDOW", 5)
    monkeypatch.setattr(bench.hook_class, "retry_rule", replace(QUICK, first_wait=0.05, longest_wait=0.05))
    keys = bench.all_keys()
    first = [bench.change(keys[1], "the first answer lets the others go")]
    between = [bench.change(key, "between") for key in keys[2:20]]
    changes = [*first, bench.change(keys[0], "older"), *between, bench.change(keys[0], "newer")]
    bench.fault_of_writes(keys[0], **trouble)
    outcome = push(bench, changes, tmp_path, concurrency=3)
    assert outcome.counts() == {"pushed": len(changes)}
    assert bench.held()[keys[0]] == "newer"


@pytest.mark.parametrize("status", [503, 422])
def test_g2_a_reject_that_was_overtaken_does_not_come_back(bench: Bench, tmp_path: Path, status: int) -> None:
    """A change that failed or was refused, then a later one that got through: a replay must not undo it."""
    keys = bench.all_keys()
    between = [bench.change(keys[1 + n % 39], f"between {n}") for n in range(1100)]
    changes = [bench.change(keys[0], "older"), *between, bench.change(keys[0], "newer")]
    expected = source_laid_over(bench, changes)
    attempts = bench.hook_class.retry_rule.attempts if status == 503 else 1
    bench.fault_of_writes(keys[0], "status", status=status, times=attempts)
    outcome = push(bench, changes, tmp_path)
    assert outcome.report.complete
    assert bench.held()[keys[0]] == "newer"
    replay(bench, tmp_path)
    assert bench.sandbox.profiles(bench.vendor) == expected
