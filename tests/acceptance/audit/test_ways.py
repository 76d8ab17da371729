"""An audit reads the cheaper way, trusts no list more than it deserves, and needs no list at all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from airflow_profile_provider.sandbox import Sandbox

from .scene import NUMBER, Scene

EDITED = (3, 50, 97)


def test_a_page_costs_one_request_whatever_is_on_it(agilenow: Scene) -> None:
    agilenow.push()
    agilenow.requests()
    assert agilenow.push(action="audit") == {"verified": NUMBER}
    assert agilenow.requests() == 2  # the token, and the page


def test_few_of_many_are_read_by_their_keys(ocamba: Scene) -> None:
    ocamba.connect(page_length="25")
    ocamba.push()
    ocamba.requests()
    assert ocamba.push(ocamba.rows[10:11], action="audit") == {"verified": 1}
    assert ocamba.requests() == 1


def test_all_of_many_are_read_page_by_page(ocamba: Scene) -> None:
    ocamba.connect(page_length="25")
    ocamba.push()
    ocamba.requests()
    assert ocamba.push(action="audit") == {"verified": NUMBER}
    assert ocamba.requests() == 4


def test_what_is_left_is_read_by_its_keys_once_that_costs_less(ocamba: Scene) -> None:
    """The first page shows that there are three more, and only one profile is left."""
    ocamba.connect(page_length="25")
    ocamba.push()
    ocamba.requests()
    first = sorted(range(NUMBER), key=lambda number: int(ocamba.keys[number]))
    rows = [ocamba.rows[number] for number in (*first[:20], first[-1])]
    assert ocamba.push(rows, action="audit") == {"verified": 21}
    assert ocamba.requests() == 2


def test_the_log_says_what_either_way_costs(ocamba: Scene, capfd: pytest.CaptureFixture[str]) -> None:
    ocamba.push()
    ocamba.connect(page_length="25", quota="10/1s, 150/60s")
    capfd.readouterr()
    ocamba.push(action="audit")
    said = "".join(capfd.readouterr())
    assert (
        "100 profiles to read; all pages: at least 4 requests; key by key: about 100 requests, at least"
        in said
    )


def test_without_the_right_to_list_profiles_are_read_by_their_keys(ocamba: Scene) -> None:
    ocamba.push()
    ocamba.edit(*EDITED)
    ocamba.sandbox.faults("ocamba", status=403, method="GET", path="profiles$")
    assert ocamba.push(action="audit") == {"verified": NUMBER - 3, "drifted": 3}


@pytest.mark.parametrize("settings", [{"drift": "twice"}, {"drift": "skip"}, {"totals": "text"}], ids=str)
def test_a_list_that_moves_is_no_drift(scene: Scene, settings: dict[str, Any]) -> None:
    scene.push()
    scene.edit(*EDITED)
    scene.sandbox.settings(scene.vendor, **settings)
    assert scene.push(action="audit") == {"verified": NUMBER - 3, "drifted": 3}


def test_a_list_that_lags_is_no_drift(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = Scene("lightfield", sandbox, tmp_path, monkeypatch.setenv)
    sandbox.settings("lightfield", index_lag=600.0)
    scene.push()
    assert scene.push(action="audit") == {"verified": NUMBER}


def test_a_list_that_does_not_lag_is_taken_at_its_word_after_a_while(agilenow: Scene) -> None:
    agilenow.push()
    agilenow.edit(*range(NUMBER))
    agilenow.connect(concurrency=1)
    agilenow.requests()
    assert agilenow.push(action="audit") == {"drifted": NUMBER}
    assert agilenow.requests() == 22  # a token, a page, and twenty that were read once more


def test_fields_that_a_vendor_never_gives_back_are_named_and_not_compared(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    scene = Scene("communifire", sandbox, tmp_path, monkeypatch.setenv)
    fields = {"First name": "name", "Share my profile": "share"}
    rows = [{**row, "share": "true"} for row in scene.rows]
    scene.push(rows, fields=fields)
    scene.sandbox.edit("communifire", {key: {"Share my profile": "false"} for key in scene.keys})
    assert scene.push(rows, fields=fields, action="audit") == {"verified": NUMBER}
    assert "does not give back Share my profile: these fields are not compared" in "".join(capfd.readouterr())


def test_the_ledger_takes_in_nothing_that_was_not_compared(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = Scene("communifire", sandbox, tmp_path, monkeypatch.setenv)
    fields = {"First name": "name", "Share my profile": "share"}
    rows = [{**row, "share": "true"} for row in scene.rows]
    scene.push(rows, fields=fields)
    rows = [{**row, "share": "false"} for row in rows]
    scene.push(rows, fields=fields, action="audit")
    assert scene.push(rows, fields=fields) == {"pushed": NUMBER}


@pytest.mark.parametrize("way", ["pages", "keys"])
def test_profiles_that_are_found_by_a_field_are_audited_by_their_own_keys(
    ocamba: Scene, tmp_path: Path, way: str
) -> None:
    rows = [{**row, "own": f"own {number}"} for number, row in enumerate(ocamba.rows)]
    found = {"key": "own", "match": {"email": "mail"}, "fields": {"full_name": "name", "email": "mail"}}
    ocamba.sandbox.edit("ocamba", {row["id"]: {"email": row["mail"]} for row in rows})
    assert ocamba.push(rows, **found) == {"pushed": NUMBER}
    ocamba.edit(*EDITED)
    ocamba.sandbox.trash("ocamba", ocamba.keys[7])
    if way == "keys":
        ocamba.sandbox.faults("ocamba", status=403, method="GET", path="profiles$")
    ocamba.requests()
    counts, lines = ocamba.audit(rows=rows, **found)
    assert counts == {"verified": NUMBER - 4, "drifted": 3, "missing": 1}
    assert {line["key"] for line in lines} == {f"own {number}" for number in (*EDITED, 7)}
    # The one that is missing is looked up once more.
    assert ocamba.requests() == (6 if way == "pages" else NUMBER + 2)
