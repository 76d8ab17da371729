"""Rows change, hands delete and make anew, answers are lost: each profile ends with its own person's row."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import pytest

from airflow_profile_provider.errors import PushStopped
from airflow_profile_provider.reports import Report

from .rig import counts
from .test_match import ID, SQLITE, Scene, ocamba, person, running, scene, store

__all__ = ["ocamba", "running", "scene", "store"]
NUMBER = 12
FAULTS: list[dict[str, Any]] = [
    {"status": 503},
    {"status": 429},
    {"status": 400},
    {"kind": "html"},
    {"kind": "lost"},
]


def night(at: Scene, rows: list[dict[str, Any]], **options: Any) -> Report:
    """Push as a night does, whatever comes of it."""
    hook = at.hook
    hook.retry_rule = replace(
        hook.retry_rule, attempts=2, first_wait=0.001, longest_wait=0.002, retry_after_cap=0.01
    )
    given: dict[str, Any] = {"key": "person", "fields": {"full_name": "text"}, "match": {"email": "mail"}}
    try:
        report: Report = hook.push(
            rows, **given, ledger_conn_id="ledger", quota="none", doubt_seconds=0, **options
        )
    except PushStopped as stopped:
        assert stopped.report is not None
        report = stopped.report
    assert counts(report)  # they add up
    return report


@SQLITE
@pytest.mark.long
@pytest.mark.parametrize("seed", range(6))
def test_each_profile_ends_with_its_own_persons_row(ocamba: Scene, seed: int) -> None:
    chance = random.Random(seed)
    values = {ID[n]: f"mail{n}@example.com" for n in range(NUMBER)}
    ocamba.hold(values)
    rows = [person(n) for n in range(NUMBER)]
    fresh = 50
    for _ in range(5):
        ocamba.sandbox.clear_faults()
        for _ in range(chance.randint(0, 3)):
            how = dict(chance.choice(FAULTS))
            how["method"] = chance.choice(["GET", "PATCH"])
            ocamba.sandbox.faults("ocamba", times=chance.randint(1, 4), **how)
        for row in chance.sample(rows, 3):
            row["text"] = f"Text {chance.random()}"
        if chance.random() < 0.7:  # somebody makes a profile anew, by hand, and deletes the old one
            old = chance.choice(list(values))
            mail = values.pop(old)
            ocamba.sandbox.trash("ocamba", old)
            values[ID[fresh]] = mail
            ocamba.sandbox.load("ocamba", {ID[fresh]: {"full_name": "before", "email": mail}}, replace=False)
            fresh += 1
        night(ocamba, rows)
    ocamba.sandbox.clear_faults()
    night(ocamba, rows)
    night(ocamba, rows, action="repair")
    by_mail = {row["mail"]: row["text"] for row in rows}
    assert ocamba.texts() == {key: by_mail[mail] for key, mail in values.items()}
    ocamba.asked()
    assert counts(night(ocamba, rows)) == {"unchanged": NUMBER}
    assert ocamba.asked()["total"] == 0
