"""Whoever edits or deletes profiles at a vendor by hand is found by an audit, and by nothing else."""

from __future__ import annotations

import pytest

from .scene import NUMBER, Scene

EDITED = (3, 14, 15, 26, 53, 58, 97)
DELETED = (1, 50, 99)


def names_of(scene: Scene, numbers: tuple[int, ...]) -> set[tuple[str, str]]:
    return {(scene.keys[number], scene.field) for number in numbers}


@pytest.mark.parametrize("tidy", [False, True], ids=["as written", "tidied"])
def test_an_audit_names_what_hands_have_edited_and_the_next_push_sends_exactly_that(
    scene: Scene, tidy: bool
) -> None:
    if tidy:
        scene.sandbox.settings(scene.vendor, rewrites="tidy")
    assert scene.push() == {"pushed": NUMBER}
    scene.edit(*EDITED)
    scene.writes()

    found, lines = scene.audit()

    assert found == {"verified": NUMBER - 7, "drifted": 7}
    assert {(line["key"], *line["fields"]) for line in lines} == names_of(scene, EDITED)
    assert scene.writes() == 0
    assert scene.push() == {"unchanged": NUMBER - 7, "pushed": 7}
    assert scene.audit() == ({"verified": NUMBER}, [])


def test_an_audit_finds_what_hands_have_deleted(scene: Scene) -> None:
    scene.push()
    scene.edit(*EDITED)
    scene.sandbox.trash(scene.vendor, *(scene.keys[number] for number in DELETED))
    found, lines = scene.audit()
    assert found == {"verified": NUMBER - 10, "drifted": 7, "missing": 3}
    gone = {line["key"] for line in lines if line["verdict"] == "missing"}
    assert gone == {scene.keys[number] for number in DELETED}
    assert scene.push() == {"unchanged": NUMBER - 10, "pushed": 7, "rejected": 3}


def test_a_repair_sends_exactly_what_differs(scene: Scene) -> None:
    scene.push()
    scene.edit(*EDITED)
    assert scene.push(action="repair") == {"verified": NUMBER - 7, "pushed": 7}
    assert scene.push() == {"unchanged": NUMBER}
    assert scene.push(action="repair") == {"verified": NUMBER}


def test_an_audit_needs_no_ledger(scene: Scene) -> None:
    scene.push()
    scene.edit(*EDITED)
    assert scene.audit(ledger_conn_id=None)[0] == {"verified": NUMBER - 7, "drifted": 7}
    assert scene.push(action="repair", ledger_conn_id=None) == {"verified": NUMBER - 7, "pushed": 7}


def test_what_is_verified_is_taken_into_the_ledger(scene: Scene) -> None:
    scene.push(ledger_conn_id=None)
    scene.edit(*EDITED)
    scene.audit()
    scene.writes()
    assert scene.push() == {"unchanged": NUMBER - 7, "pushed": 7}
