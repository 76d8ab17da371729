"""G8 a polite client: no refusal for rate in steady state, and no request that was not needed.

The vendor's clock runs SPEED times as fast: its windows and ours are shorter, the limits are as published.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from airflow_profile_provider.sandbox import Sandbox, serve
from airflow_profile_provider.vendors.exchange import Rate

from .outcome import Outcome, push
from .rig import HOOKS, Rig, hook_class

SPEED = 30
SLACK = 1.02


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    """More profiles than the others have: enough to exhaust a minute's quota."""
    with serve(profiles=200, quota=False) as sandbox:
        yield sandbox


def enforce(rig: Rig, window: str) -> str:
    """Let the vendor enforce its published limits, faster; return the quota that says the same."""
    settings = rig.sandbox.settings(rig.vendor)
    faster = {
        name: [[number, seconds / SPEED] for number, seconds in limits]
        for name, limits in settings["limits"].items()
    }
    changes = {"window": window, "quota": faster or True}
    if "sustained_seconds" in settings:
        changes["sustained_seconds"] = settings["sustained_seconds"] / SPEED
    rig.sandbox.settings(rig.vendor, **changes)
    return ", ".join(f"{rate.limit}/{rate.seconds / SPEED:.4f}s" for rate in published(rig))


def published(rig: Rig) -> tuple[Rate, ...]:
    """The vendor's limits as the package knows them."""
    return rig.hook.vendor().quota


def needed(rig: Rig, writes: int, splits: int = 0) -> int:
    """The requests that cannot be saved: a token, a catalogue, a read for each merge, writes and splits."""
    vendor = rig.hook.vendor()
    once = [vendor.token_request(), vendor.catalogue_request()]
    reads = writes if getattr(vendor, "write_mode", "") == "merge" else 0
    return sum(request is not None for request in once) + reads + writes + splits


def assert_polite(rig: Rig, outcome: Outcome, most: int) -> None:
    """No 429, no request too many, and the report knows of all of them."""
    assert rig.sandbox.requests(rig.vendor)["by_status"].get("429", 0) == 0
    assert outcome.report.requests == rig.arrived
    assert rig.arrived <= SLACK * most


@pytest.mark.parametrize("window", ["fixed", "sliding"])
def test_g8_a_polite_client(rig: Rig, tmp_path: Path, window: str) -> None:
    """A steady push at the published quota is never refused and asks nothing twice, whatever the window."""
    number = max(55, round(1.1 * published(rig)[-1].limit))
    quota = enforce(rig, window)
    changes = [rig.change(key, "polite") for key in rig.all_keys()[:number]]
    outcome = push(rig, changes, tmp_path, quota=quota, concurrency=8)
    assert outcome.counts() == {"pushed": number}
    assert outcome.report.retries == 0
    assert_polite(rig, outcome, needed(rig, number))


def test_g8_changes_of_one_profile_cost_one_request(rig: Rig, tmp_path: Path) -> None:
    """A thousand changes of ten profiles are ten writes."""
    keys = rig.all_keys()[:10]
    changes = [rig.change(keys[n % 10], f"v{n}") for n in range(1000)]
    outcome = push(rig, changes, tmp_path, concurrency=4)
    assert outcome.report.acknowledged == 10
    assert_polite(rig, outcome, needed(rig, 10))


@pytest.mark.parametrize(
    "rig", [name for name in HOOKS if hook_class(name).vendor_class.batch_limit > 1], indirect=True
)
def test_g8_a_batch_is_split_no_more_than_its_refusals_force(rig: Rig, tmp_path: Path) -> None:
    """A batch with refused records is halved down to them, and a batch without is sent once."""
    size, refused = 16, {37, 38, 90}
    changes = [rig.change(key, f"v{n}") for n, key in enumerate(rig.all_keys()[:112])]
    for n in refused:
        changes[n] = rig.change(f"{rig.nobody}-{n}", "x")
    batches = [range(start, start + size) for start in range(0, len(changes), size)]
    splits = sum(halvings(batch, refused) for batch in batches)
    outcome = push(rig, changes, tmp_path, batch_size=size, concurrency=1)
    assert outcome.counts() == {"pushed": len(changes) - 3, "rejected": 3}
    assert_polite(rig, outcome, needed(rig, len(batches), splits))


def halvings(batch: range, refused: set[int]) -> int:
    """The requests that finding the refused ones of a batch costs beyond its first."""
    if len(batch) == 1 or not refused & set(batch):
        return 0
    half = len(batch) // 2
    return 2 + halvings(batch[:half], refused) + halvings(batch[half:], refused)


def test_g8_a_refused_record_is_asked_once(rig: Rig, tmp_path: Path) -> None:
    """A refusal is an answer: it is not tried again."""
    changes = [rig.change(key, "v") for key in rig.all_keys()[:50]]
    changes[20] = rig.change(rig.nobody, "v")
    outcome = push(rig, changes, tmp_path, concurrency=4)
    assert outcome.counts() == {"pushed": 49, "rejected": 1}
    assert outcome.report.retries == 0
    assert_polite(rig, outcome, needed(rig, 50))
