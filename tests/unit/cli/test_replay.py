"""``airflow profiles replay``: what was not delivered is pushed again, and said to be, or not."""

from __future__ import annotations

import json
import signal
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from airflow_profile_provider.errors import CredentialRefused
from airflow_profile_provider.hooks.ocamba import OcambaHook
from airflow_profile_provider.sandbox import Sandbox

from .running import run, run_all

NOBODY = "17000000000000000000"
OCAMBA = ("--conn-id", "ocamba_default")


def rejects(folder: Path, changes: Mapping[str, Mapping[str, Any]], name: str = "rejects.jsonl") -> str:
    """Push changes with a token that the vendor refuses; return the rejects file."""
    path = folder / name
    records = [{"key": key, "fields": fields} for key, fields in changes.items()]
    with pytest.raises(CredentialRefused):
        OcambaHook("ocamba_refused").push(records, rejects_path=path)
    return str(path)


def keys(sandbox: Sandbox) -> list[str]:
    return list(sandbox.profiles("ocamba"))


def comments(sandbox: Sandbox) -> dict[str, Any]:
    return {key: fields.get("comment") for key, fields in sandbox.profiles("ocamba").items()}


def test_what_was_not_delivered_is_delivered(
    sandbox: Sandbox, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second, *_ = keys(sandbox)
    file = rejects(tmp_path, {first: {"comment": "one"}, second: {"comment": "two"}})
    status, said = run(capsys, "replay", file, *OCAMBA, "-o", "json")
    assert (status, json.loads(said)["pushed"]) == (0, 2)
    assert (comments(sandbox)[first], comments(sandbox)[second]) == ("one", "two")
    assert [path.name for path in tmp_path.iterdir()] == ["rejects.jsonl"]


def test_later_files_win(sandbox: Sandbox, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    key, *_ = keys(sandbox)
    newer = rejects(tmp_path, {key: {"comment": "newer"}}, "a.jsonl")
    older = rejects(tmp_path, {key: {"comment": "older"}}, "b.jsonl")
    status, said = run(capsys, "replay", older, newer, *OCAMBA, "-o", "json")
    report = json.loads(said)
    assert (status, report["received"], report["superseded"]) == (0, 2, 1)
    assert comments(sandbox)[key] == "newer"
    assert run(capsys, "replay", str(tmp_path / "*.jsonl"), *OCAMBA)[0] == 0
    assert comments(sandbox)[key] == "older"  # a pattern is read in the order of names


def test_what_fails_again_is_written_beside_and_told_by_the_status(
    sandbox: Sandbox, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key, *_ = keys(sandbox)
    file = rejects(tmp_path, {key: {"comment": "one"}, NOBODY: {"comment": "two"}})
    status, said, beside = run_all(capsys, "replay", file, *OCAMBA, "-o", "json")
    report = json.loads(said)
    assert (status, report["pushed"], report["rejected"]) == (1, 1, 1)
    again = Path(report["rejects"])
    assert (again.parent, again.name[:9]) == (tmp_path, "replayed-")
    (line,) = again.read_text().splitlines()
    assert json.loads(line)["key"] == NOBODY
    assert "1 of 2 not delivered; most often: " in beside
    sandbox.load("ocamba", {NOBODY: {}}, replace=False)
    assert run(capsys, "replay", str(again), *OCAMBA)[0] == 0
    assert comments(sandbox)[NOBODY] == "two"


def test_a_dry_run_sends_nothing(
    sandbox: Sandbox, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key, *_ = keys(sandbox)
    file = rejects(tmp_path, {key: {"comment": "one"}})
    sandbox.forget_requests("ocamba")
    status, said = run(capsys, "replay", file, *OCAMBA, "--dry-run", "-o", "json")
    assert (status, json.loads(said)["planned"]) == (0, 1)
    assert sandbox.requests("ocamba")["total"] == 0


def test_rows_of_the_source_are_mapped_as_the_push_mapped_them(
    sandbox: Sandbox, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An invalid row is in the rejects as it came; corrected, it needs the mapping again."""
    key, *_ = keys(sandbox)
    path = tmp_path / "rejects.jsonl"
    mapping: dict[str, Any] = {"key": "id", "fields": {"comment": "note"}}
    OcambaHook().push([{"id": key, "note": None}], rejects_path=path, **mapping)
    path.write_text(path.read_text().replace("null}", '"corrected"}'))
    status, _, beside = run_all(capsys, "replay", str(path), *OCAMBA)
    assert (status, "1 of 1 not delivered" in beside) == (1, True)
    words = ("--key", "id", "--fields", '{"comment": "note"}')
    assert run(capsys, "replay", str(path), *OCAMBA, *words)[0] == 0
    assert comments(sandbox)[key] == "corrected"


def test_a_row_of_the_source_without_a_mapping_says_what_to_give(
    sandbox: Sandbox, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "rejects.jsonl"
    OcambaHook().push(
        [{"id": keys(sandbox)[0], "note": None}], rejects_path=path, key="id", fields={"comment": "note"}
    )
    _, _, beside = run_all(capsys, "replay", str(path), *OCAMBA)
    assert "is a row as the source had it: give key and fields as the push did" in beside


def test_the_ledger_learns_what_a_replay_delivered(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    store = {"conn_type": "sqlite", "host": str(tmp_path / "ledger.db")}
    monkeypatch.setenv("AIRFLOW_CONN_LEDGER", json.dumps(store))
    key, *_ = keys(sandbox)
    file = rejects(tmp_path, {key: {"comment": "one"}})
    words = ("replay", file, *OCAMBA, "--ledger-conn-id", "ledger", "-o", "json")
    assert json.loads(run(capsys, *words)[1])["pushed"] == 1
    assert json.loads(run(capsys, *words)[1])["unchanged"] == 1


@pytest.mark.parametrize("output", ["table", "plain"])
def test_the_report_is_printed_as_airflow_prints(
    output: str, sandbox: Sandbox, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key, *_ = keys(sandbox)
    file = rejects(tmp_path, {key: {"comment": "one"}})
    lines = run(capsys, "replay", file, *OCAMBA, "-o", output)[1].splitlines()
    found = [line.replace("|", " ").split() for line in lines]
    assert ["received", "1"] in found
    assert ["pushed", "1"] in found
    assert not [line for line in found if "quarantined" in line]


def test_the_report_is_printed_as_yaml(
    sandbox: Sandbox, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key, *_ = keys(sandbox)
    file = rejects(tmp_path, {key: {"comment": "one"}})
    assert yaml.safe_load(run(capsys, "replay", file, *OCAMBA, "-o", "yaml")[1])["pushed"] == 1


def test_a_replay_that_stops_prints_the_report_and_the_reason(
    sandbox: Sandbox, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = rejects(tmp_path, {key: {"comment": "one"} for key in keys(sandbox)})
    status, said = run(capsys, "replay", file, "--conn-id", "ocamba_refused", "-o", "json")
    assert "check the connection's API token" in str(status)
    report = json.loads(said)
    assert (report["received"], report["pushed"], report["complete"]) == (4, 0, False)


def test_a_replay_that_is_interrupted_keeps_what_it_did_not_send(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Ctrl-C strikes while the quota lets the push wait, an hour if nothing did."""
    slow = sandbox.connections()["ocamba_default"] | {"extra": {"quota": "1/3600s"}}
    monkeypatch.setenv("AIRFLOW_CONN_OCAMBA_SLOW", json.dumps(slow))
    file = rejects(tmp_path, {key: {"comment": "one"} for key in keys(sandbox)})
    sandbox.forget_requests("ocamba")

    def strike() -> None:
        while not sandbox.requests("ocamba")["total"]:
            time.sleep(0.02)
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    thread = threading.Thread(target=strike)
    thread.start()
    status, said = run(capsys, "replay", file, "--conn-id", "ocamba_slow", "-o", "json")
    thread.join()
    report = json.loads(said)
    assert status == "the replay was interrupted"
    assert (report["received"], report["pushed"] + report["failed"] + report["unsent"]) == (4, 4)
    assert len(Path(report["rejects"]).read_text().splitlines()) == 4 - report["pushed"]


def test_what_is_replayed_is_never_written_over(
    sandbox: Sandbox, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = rejects(tmp_path, {NOBODY: {"comment": "one"}})
    before = Path(file).read_text()
    odd = str(tmp_path / "x" / ".." / "rejects.jsonl")
    for path in (file, odd):
        status, _ = run(capsys, "replay", str(tmp_path), *OCAMBA, "--rejects-path", path)
        assert "is what is replayed" in str(status)
    assert Path(file).read_text() == before


def test_a_pattern_without_a_file_is_an_error(
    sandbox: Sandbox, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, _ = run(capsys, "replay", str(tmp_path / "*.jsonl"), *OCAMBA)
    assert "no file matches" in str(status)
