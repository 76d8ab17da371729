"""``airflow profiles show``: one profile as the vendor holds it, beside the source and the ledger."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from standins import Ocamba

from airflow_profile_provider.errors import ConfigurationError
from airflow_profile_provider.hooks.ocamba import OcambaHook
from airflow_profile_provider.sandbox import Sandbox

from .running import run

MAPPED: dict[str, Any] = {"key": "id", "fields": {"email": "mail", "comment": "note"}}
ROWS = [{"id": "7", "mail": "Ada@example.com", "note": "new"}, {"id": "8", "mail": "b@x.com", "note": "y"}]


@pytest.fixture
def ocamba(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Ocamba]:
    ledger = {"conn_type": "sqlite", "host": str(tmp_path / "ledger.db")}
    monkeypatch.setenv("AIRFLOW_CONN_LEDGER", json.dumps(ledger))
    with Ocamba({"7": {"email": "ada@example.com", "comment": "old"}, "8": {}}) as vendor:
        connection = {"conn_type": "ocamba", "host": vendor.url, "password": vendor.secret}
        connection |= {"extra": {"quota": "none", "concurrency": 1}}
        monkeypatch.setenv("AIRFLOW_CONN_OCAMBA_DEFAULT", json.dumps(connection))
        yield vendor


def shown(key: str = "7", records: Any = ROWS, **options: Any) -> dict[str, dict[str, Any]]:
    """Each field of a profile, by name."""
    found = OcambaHook().show(key, records, **{**MAPPED, **options})
    return {each["field"]: each for each in found.as_dict()["fields"]}


def push(rows: Any = ROWS) -> None:
    OcambaHook().push(rows, **MAPPED, ledger_conn_id="ledger")


def test_each_field_is_shown_beside_the_source(ocamba: Ocamba) -> None:
    fields = shown()
    assert (fields["comment"]["held"], fields["comment"]["source"]) == ("old", "new")
    assert fields["comment"]["agrees"] is False
    assert fields["email"]["held"] == "ada@example.com"
    assert fields["email"]["agrees"] is True  # the case of an address counts for nothing
    assert ocamba.writes == []


def test_what_the_ledger_remembers_is_told_without_values(ocamba: Ocamba) -> None:
    assert shown(ledger_conn_id="ledger")["comment"]["acknowledged"] == "never"
    push()
    assert shown(ledger_conn_id="ledger")["comment"]["acknowledged"] == "both"
    ocamba.profiles["7"]["comment"] = "edited by hand"
    assert shown(ledger_conn_id="ledger")["comment"]["acknowledged"] == "what the source has"
    ocamba.profiles["7"]["comment"] = "new"
    newer = [{**ROWS[0], "note": "newer"}]
    assert shown(records=newer, ledger_conn_id="ledger")["comment"]["acknowledged"] == "what is held"
    ocamba.profiles["7"]["comment"] = "edited by hand"
    assert shown(records=newer, ledger_conn_id="ledger")["comment"]["acknowledged"] == "another value"


def test_without_a_source_all_fields_of_the_vendor_are_shown(ocamba: Ocamba) -> None:
    found = OcambaHook().show("7").as_dict()
    assert found["in_source"] is None
    assert [each["field"] for each in found["fields"]] == list(OcambaHook().vendor().fields)


def test_without_a_source_fields_are_names(ocamba: Ocamba) -> None:
    found = OcambaHook().show("7", fields=["comment"]).as_dict()
    (comment,) = found["fields"]
    assert comment == {
        "field": "comment",
        "label": "comment",
        "held": "old",
        "agrees": None,
        "acknowledged": None,
    }


def test_a_profile_that_is_not_there_is_said_so(ocamba: Ocamba, capsys: pytest.CaptureFixture[str]) -> None:
    status, said = run(capsys, "show", "99", "--conn-id", "ocamba_default", "--fields", "comment")
    assert status == 1
    assert "The vendor has no such profile." in said


def test_it_is_written_for_people(ocamba: Ocamba, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = tmp_path / "people.jsonl"
    source.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    words = ["show", "7", "--conn-id", "ocamba_default", "--records", str(source), "--key", "id"]
    words += ["--fields", json.dumps(MAPPED["fields"]), "--ledger-conn-id", "ledger"]
    status, said = run(capsys, *words)
    assert status == 0
    assert said.splitlines()[0] == 'Ocamba Hood (ocamba:ocamba_default), id "7"'
    assert 'comment: differs from the source\n  held    "old"\n  source  "new"\n' in said
    assert "  ledger  acknowledged: never" in said


def test_redact_hides_values_and_not_names(ocamba: Ocamba, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["show", "7", "--conn-id", "ocamba_default", "--fields", "comment,email", "--redact"]
    _, text = run(capsys, *words)
    _, data = run(capsys, *words, "-o", "json")
    assert "old" not in text + data
    assert "ada@" not in text + data
    assert [each["field"] for each in json.loads(data)["fields"]] == ["comment", "email"]


def test_no_value_is_logged(ocamba: Ocamba, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    found = OcambaHook().show("7", ROWS, **MAPPED, ledger_conn_id="ledger")
    for value in ("old", "ada@example.com", "Ada@example.com", "new"):
        assert value not in caplog.text
        assert value not in repr(found)


def test_an_invalid_row_is_a_note(ocamba: Ocamba) -> None:
    found = OcambaHook().show("7", [{**ROWS[0], "note": None}], **MAPPED)
    assert "row 1 of the source is invalid: field comment: is null" in found.notes[0]


@pytest.mark.parametrize(
    ("conn_id", "key_type", "problem"),
    [
        ("communifire_default", "Email", "cannot be read by Email; they are read by UserID, Username"),
        ("ocamba_default", "email", "key_type must be"),
    ],
)
def test_a_key_by_which_nobody_is_read_is_refused(
    conn_id: str, key_type: str, problem: str, sandbox: Sandbox, capsys: pytest.CaptureFixture[str]
) -> None:
    status, said = run(
        capsys, "show", "a@x.com", "--conn-id", conn_id, "--key-type", key_type, "--fields", "Company"
    )
    assert problem in status
    assert said == ""


@pytest.mark.parametrize("vendor", ["sonoran", "communifire", "agilenow", "lightfield", "ocamba"])
def test_every_vendor_shows_a_profile(
    vendor: str, sandbox: Sandbox, capsys: pytest.CaptureFixture[str]
) -> None:
    key = next(iter(sandbox.keys(vendor)))
    status, said = run(capsys, "show", key, "--conn-id", f"{vendor}_default", "-o", "json")
    assert status == 0
    assert any(each.get("held") for each in json.loads(said)["fields"])


def test_a_label_names_a_field_here_too(sandbox: Sandbox, capsys: pytest.CaptureFixture[str]) -> None:
    key = next(iter(sandbox.keys("sonoran")))
    words = ["show", key, "--conn-id", "sonoran_default", "--fields", "Display name", "-o", "json"]
    _, said = run(capsys, *words)
    (field,) = json.loads(said)["fields"]
    assert (field["field"], field["label"]) == ("0b6c2f4e-58a7-4c1d-9f0e-3a1b7c5d2e90", "Display name")


def test_a_vendor_whose_profiles_cannot_be_read_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    from sixth_vendor.hook import AcmeHook

    connection = {"conn_type": "acme", "host": "http://127.0.0.1:9", "password": "x"}
    monkeypatch.setenv("AIRFLOW_CONN_ACME_DEFAULT", json.dumps(connection))
    with pytest.raises(ConfigurationError, match="profiles of Acme People cannot be read by their keys"):
        AcmeHook().show("7")


MATCHED: dict[str, Any] = {"key": "own", "fields": {"comment": "note"}, "match": {"email": "mail"}}


@pytest.mark.parametrize("pushed", [False, True], ids=["found now", "remembered"])
def test_a_key_of_ones_own_is_shown_as_the_profile_that_it_means(pushed: bool, ocamba: Ocamba) -> None:
    rows = [{"own": "P-1", "mail": "ada@example.com", "note": "new"}]
    given = {**MATCHED, "ledger_conn_id": "ledger"}
    if pushed:
        assert OcambaHook().push(rows, **given).pushed == 1
    writes = len(ocamba.writes)
    found = OcambaHook().show("P-1", rows, **given)
    (comment,) = found.fields
    assert (found.profile, comment.held) == ("7", "new" if pushed else "old")
    assert comment.acknowledged == ("both" if pushed else "never")
    assert len(ocamba.writes) == writes


def test_a_key_of_ones_own_that_nobody_has_is_said_so(ocamba: Ocamba) -> None:
    rows = [{"own": "P-2", "mail": "nobody@example.com", "note": "new"}]
    found = OcambaHook().show("P-2", rows, **MATCHED, ledger_conn_id="ledger")
    assert (found.found, found.notes) == (False, ("no profile matches, by email",))


def test_a_value_that_cannot_be_searched_for_is_noted(ocamba: Ocamba) -> None:
    rows = [{"own": "P-2", "mail": "a:b", "note": "new"}]
    found = OcambaHook().show("P-2", rows, **MATCHED, ledger_conn_id="ledger")
    assert not found.found
    assert ["a colon means something" in note for note in found.notes] == [True]
