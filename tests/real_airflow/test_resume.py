"""A push that is killed, gives its slot back, or is refused, under a real scheduler, worker and triggerer."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest
from own_airflow import AIRFLOW_VERSION

from airflow_profile_provider.sandbox import Sandbox

from .conftest import Deployment

pytestmark = pytest.mark.long

HAS_STATE_STORE = AIRFLOW_VERSION >= (3, 3)


def write(path: Path, sandbox: Sandbox, text: str, *, unknown: bool = False) -> dict[str, str]:
    """A change for each profile; return what the vendor should hold then."""
    wanted = {key: f"{text} {number}" for number, key in enumerate(sandbox.keys("ocamba"))}
    lines = [{"key": key, "fields": {"comment": comment}} for key, comment in wanted.items()]
    if unknown:
        lines.insert(2, {"key": "1234567890123456789", "fields": {"comment": "nobody"}})
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return wanted


def comments(sandbox: Sandbox) -> dict[str, str]:
    return {key: profile["comment"] for key, profile in sandbox.profiles("ocamba").items()}


def test_a_worker_killed_in_mid_push_goes_on_in_its_retry(
    deployment: Deployment, sandbox: Sandbox, folder: Path
) -> None:
    """kill -9 on the task, once it has kept how far it is: the retry ends green, the state right."""
    wanted = write(folder / "killed.jsonl", sandbox, "killed", unknown=True)
    deployment.switch_on("killed_push")
    run_id = deployment.trigger("killed_push")
    pid = folder / "pid-1"
    deployment.until(lambda: pid.exists() and arrived(sandbox) >= 22, "the push to be under way")
    os.kill(int(pid.read_text()), signal.SIGKILL)
    ended = deployment.end_of("killed_push", run_id)
    assert ended.state == "success"
    report = ended.report("push")
    received = len(wanted) + 1
    assert (report["received"], report["pushed"], report["rejected"]) == (received, received - 1, 1)
    assert comments(sandbox) == wanted
    delivered = [json.loads(line)["key"] for line in (folder / "killed-delivered.jsonl").open()]
    assert set(delivered) == set(wanted)
    assert len(Path(report["rejects"]).read_text().splitlines()) == 1
    again = arrived(sandbox) - received
    assert again < 22 if HAS_STATE_STORE else again >= 22


def test_a_deferrable_push_gives_its_slot_back_and_goes_on(
    deployment: Deployment, sandbox: Sandbox, folder: Path
) -> None:
    wanted = write(folder / "deferred.jsonl", sandbox, "deferred")
    deployment.switch_on("deferred_push")
    run_id = deployment.trigger("deferred_push")
    deployment.until(lambda: "deferred" in deployment.states("deferred_push", run_id), "the slot to be free")
    ended = deployment.end_of("deferred_push", run_id)
    assert ended.state == "success"
    report = ended.report("push")
    assert (report["received"], report["pushed"]) == (len(wanted), len(wanted))
    assert arrived(sandbox) == len(wanted)
    assert comments(sandbox) == wanted


@pytest.mark.skipif(not HAS_STATE_STORE, reason="Airflow 3.3 brought retry policies")
def test_a_refused_credential_is_not_retried(deployment: Deployment, sandbox: Sandbox) -> None:
    """Its retry would come after ten minutes, later than is waited for here."""
    good = sandbox.connections()["ocamba_default"]
    deployment.airflow.connect({"ocamba_revoked": {**good, "password": "revoked-long-ago"}})
    deployment.switch_on("refused_push")
    ended = deployment.end_of("refused_push", deployment.trigger("refused_push"))
    assert ended.state == "failed"
    assert ended.report("push")["complete"] is False


def arrived(sandbox: Sandbox) -> int:
    """How many requests the vendor has had."""
    return int(sandbox.requests("ocamba", last=0)["total"])
