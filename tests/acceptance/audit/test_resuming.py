"""kill -9: an audit goes on in the vendor's list where the try before it was."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import time
from typing import Any
from urllib.parse import parse_qs

import pytest
from resuming import FileCheckpoints

from acceptance.rig import counts, lines
from airflow_profile_provider.hooks.ocamba import OcambaHook

from .scene import FIELDS, NUMBER, Scene

FORK = multiprocessing.get_context("fork")
EDITED = (3, 14, 15, 26, 53, 58, 97)


class TellingHook(OcambaHook):
    """Keeps how far it is after each page."""

    tell_seconds = 0.0


def _try(scene: Scene, action: str, ledger: str | None) -> None:
    hook = TellingHook()
    report = hook.push(
        scene.folder / "people.jsonl",
        key="id",
        fields=FIELDS["ocamba"],
        action=action,
        ledger_conn_id=ledger,
        audit_path=scene.folder / "audit.jsonl",
        checkpoints=FileCheckpoints(scene.folder / "checkpoint.json"),
        run="the same",
    )
    assert hook.last_plan
    told = report.as_dict() | {"plan": hook.last_plan.plan_id}
    (scene.folder / "report.json").write_text(json.dumps(told))


def _pages(scene: Scene) -> list[int]:
    """The pages that were read, in order."""
    log = scene.sandbox.requests("ocamba")["log"]
    asked = [parse_qs(each["query"]) for each in log]
    return [int(each["page"][0].partition(",")[0]) for each in asked if "page" in each]


@pytest.fixture
def killed(ocamba: Scene) -> Any:
    """An audit that is killed after its second page, and can be tried again."""
    ocamba.connect(page_length="25", concurrency=1)
    ocamba.push()
    ocamba.edit(*EDITED)
    path = ocamba.folder / "people.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in ocamba.rows))
    ocamba.writes()
    return ocamba


def _kill(scene: Scene, action: str, ledger: str | None) -> None:
    scene.sandbox.settings("ocamba", latency=0.1)
    child = FORK.Process(target=_try, args=(scene, action, ledger))
    child.start()
    checkpoint = scene.folder / "checkpoint.json"
    while child.is_alive() and not (checkpoint.exists() and "cursor" in checkpoint.read_text()):
        time.sleep(0.001)
    assert child.pid is not None
    os.kill(child.pid, signal.SIGKILL)
    child.join()
    scene.sandbox.settings("ocamba", latency=0.0)


@pytest.mark.parametrize("ledger", [None, "ledger"])
@pytest.mark.parametrize("action", ["audit", "repair"])
def test_pages_that_were_compared_are_not_read_again(killed: Scene, action: str, ledger: str | None) -> None:
    _kill(killed, action, ledger)
    kept = json.loads((killed.folder / "checkpoint.json").read_text())
    pages = int(kept["cursor"].partition(" ")[0])
    assert pages >= 1
    killed.writes()
    child = FORK.Process(target=_try, args=(killed, action, ledger))
    child.start()
    child.join()
    report = json.loads((killed.folder / "report.json").read_text())
    verdict = "drifted" if action == "audit" else "pushed"
    assert counts(report) == {"verified": NUMBER - 7, verdict: 7}
    assert min(_pages(killed), default=5) > pages
    found = {line["key"] for line in lines(killed.folder / "audit.jsonl")}
    assert found == {killed.keys[number] for number in EDITED}
    assert killed.writes() == (0 if action == "audit" else 7)
    if action == "audit":  # what it found in all is what an audit finds that nobody kills
        (killed.folder / "checkpoint.json").unlink()
        _try(killed, action, None)
        assert json.loads((killed.folder / "report.json").read_text())["plan"] == report["plan"]
