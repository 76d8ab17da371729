"""``airflow profiles audit``: a source held against what the vendor has, from a terminal."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from airflow_profile_provider.sandbox import Sandbox

from .running import run, run_all

NOBODY = "17000000000000000000"


def words(sandbox: Sandbox, folder: Path, *, edited: int = 0, unknown: int = 0) -> tuple[str, ...]:
    """A source of all profiles, so many of them edited by hand since, and so many that were never there."""
    profiles = {key: {"comment": f"note {at}"} for at, key in enumerate(sandbox.profiles("ocamba"))}
    sandbox.load("ocamba", profiles)
    rows = [{"id": key, "comment": one["comment"]} for key, one in profiles.items()]
    rows += [{"id": f"{NOBODY}{at}", "comment": "nobody"} for at in range(unknown)]
    path = folder / "people.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    by_hand = {key: {"comment": "SECRET by hand"} for key in list(profiles)[:edited]}
    sandbox.load("ocamba", by_hand, replace=False)
    mapping = ("--key", "id", "--fields", "comment")
    return "audit", "--conn-id", "ocamba_default", "--records", str(path), *mapping


def test_what_the_vendor_holds_is_compared_and_nothing_is_sent(
    sandbox: Sandbox, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = words(sandbox, tmp_path, edited=1)
    before = sandbox.profiles("ocamba")
    status, said = run(capsys, *asked, "-o", "json")
    report = json.loads(said)
    assert (status, report["verified"], report["drifted"]) == (0, 3, 1)
    assert sandbox.profiles("ocamba") == before


def test_what_differs_is_named_without_values(
    sandbox: Sandbox, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, said, beside = run_all(capsys, *words(sandbox, tmp_path, edited=1, unknown=1))
    assert status == 0
    assert "record 1: comment" in beside
    assert "record 5: no such profile" in beside
    assert "SECRET" not in said + beside


@pytest.mark.parametrize(("most", "status"), [("2", 0), ("40%", 0), ("1", 1), ("39%", 1)])
def test_more_that_differ_than_may_are_told_by_the_status(
    most: str, status: int, sandbox: Sandbox, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = words(sandbox, tmp_path, edited=1, unknown=1)
    problem, _ = run(capsys, *asked, "--max-drifted", most)
    told = f"2 of 5 records differ from what the vendor holds, and max_drifted allows {most}"
    assert problem == (told if status else 0)


@pytest.mark.parametrize("values", [False, True])
def test_the_file_has_values_only_for_who_asked(
    values: bool, sandbox: Sandbox, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "audit.jsonl"
    more = ("--audit-values",) if values else ()
    run(capsys, *words(sandbox, tmp_path, edited=1), "--audit-path", str(path), *more)
    (line,) = map(json.loads, path.read_text().splitlines())
    assert (line["verdict"], line["fields"], line["position"]) == ("drifted", ["comment"], 1)
    assert line.get("values") == (
        {"comment": {"source": "note 0", "vendor": "SECRET by hand"}} if values else None
    )


def test_a_record_that_cannot_be_compared_is_told_by_the_status(
    sandbox: Sandbox, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = words(sandbox, tmp_path)
    with (tmp_path / "people.jsonl").open("a") as file:
        file.write('{"id": null, "comment": "nobody"}\n')
    status, said = run(capsys, *asked, "-o", "json")
    assert "1 of 5 records could not be compared; most often: 1 invalid: has no key" in str(status)
    assert json.loads(said)["invalid"] == 1


def test_an_audit_that_stops_prints_the_report_and_the_reason(
    sandbox: Sandbox, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = (*words(sandbox, tmp_path), "-o", "json", "--conn-id", "ocamba_refused")
    status, said = run(capsys, *asked)
    assert "check the connection's API token" in str(status)
    assert json.loads(said)["complete"] is False


def test_a_ledger_learns_what_differs(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    store = {"conn_type": "sqlite", "host": str(tmp_path / "ledger.db")}
    monkeypatch.setenv("AIRFLOW_CONN_LEDGER", json.dumps(store))
    asked = words(sandbox, tmp_path, edited=1)
    run(capsys, *asked, "--ledger-conn-id", "ledger")
    _, said = run(capsys, "ledger", "status", "--ledger-conn-id", "ledger", "-o", "json")
    (target,) = json.loads(said)
    assert target["entries"] >= 3


@pytest.mark.parametrize("option", ["action=repair", "max_drifted=3"])
def test_an_option_that_is_no_audits_is_refused(
    option: str, sandbox: Sandbox, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, _ = run(capsys, *words(sandbox, tmp_path), "--option", option)
    assert f"--option takes no {option.partition('=')[0]}" in str(status)


def test_a_command_without_a_source_says_what_to_name(
    sandbox: Sandbox, capsys: pytest.CaptureFixture[str]
) -> None:
    status, _ = run(capsys, "audit", "--conn-id", "ocamba_default", "--key", "id", "--fields", "comment")
    assert "--records or --sql" in str(status)


def test_what_is_no_count_and_no_share_is_refused_before_anything_is_read(
    sandbox: Sandbox, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = words(sandbox, tmp_path)
    sandbox.forget_requests("ocamba")
    status, _ = run(capsys, *asked, "--max-drifted", "many")
    assert "max_drifted must be a count or a share" in str(status)
    assert sandbox.requests("ocamba")["total"] == 0
