"""A write that would change nothing is not sent, where the vendor is read before it anyway."""

from __future__ import annotations

from typing import Any

import pytest
from guarantees.rig import Rig, hook_class

from acceptance.rig import counts

pytestmark = pytest.mark.usefixtures("ledger")


@pytest.fixture
def merging(rig: Rig) -> Rig:
    if not getattr(rig.hook.vendor(), "reads_first", False):
        pytest.skip(f"{hook_class(rig.vendor).vendor_class.name} writes without reading")
    return rig


def test_what_the_vendor_shows_already_is_not_written_and_is_unchanged(merging: Rig) -> None:
    key = merging.all_keys()[0]
    change = merging.change(key, merging.held()[key])
    report = merging.hook.push([change])
    assert counts(report) == {"unchanged": 1}
    assert report.requests <= 2, "a token, and a read"
    assert counts(merging.hook.push([merging.change(key, "new")])) == {"pushed": 1}


def test_the_ledger_learns_that_the_vendor_holds_it(merging: Rig) -> None:
    key = merging.all_keys()[0]
    change = merging.change(key, merging.held()[key])
    first = merging.hook.push([change], ledger_conn_id="ledger")
    again = merging.hook.push([change], ledger_conn_id="ledger")
    assert (counts(first), counts(again), again.requests) == ({"unchanged": 1}, {"unchanged": 1}, 0)


def test_its_key_is_among_the_delivered_ones_and_not_among_the_rejects(merging: Rig, tmp_path: Any) -> None:
    key = merging.all_keys()[0]
    delivered, rejects = tmp_path / "delivered.txt", tmp_path / "rejects.jsonl"
    change = merging.change(key, merging.held()[key])
    report = merging.hook.push([change], delivered_path=delivered, rejects_path=rejects)
    assert (delivered.read_text().split(), report.rejects) == ([key], None)


def test_rows_of_one_key_that_it_stands_for_are_superseded(merging: Rig) -> None:
    key = merging.all_keys()[0]
    held = merging.held()[key]
    report = merging.hook.push([merging.change(key, "x"), merging.change(key, held)])
    assert counts(report) == {"unchanged": 1, "superseded": 1}
    assert merging.held()[key] == held


def test_one_profile_is_told_to_be_unchanged(merging: Rig) -> None:
    key = merging.all_keys()[0]
    change = merging.change(key, merging.held()[key])
    assert merging.hook.update_profile(key, change["fields"]) == "unchanged"
