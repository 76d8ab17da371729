"""Alerts on a real Airflow, by its own notifiers: a message when it begins, and one when it is over."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from mailbox_servers import Mailbox, mail_server, slack_server
from own_airflow import AIRFLOW_VERSION

from airflow_profile_provider.sandbox import Sandbox

from .conftest import TEST_DAGS, Deployment, TestDag

pytestmark = pytest.mark.long

HAS_SLACK = importlib.util.find_spec("slack_sdk") is not None
SECRET = "canary-of-a-profile"
BEGINS = "alerted_pushes.push: more than 1 records are rejected"
OVER = "alerted_pushes.push: over: more than 1 records are rejected"
RED = "alerted_pushes.push: the task is red"
GREEN = "alerted_pushes.push: over: the task is red"


@pytest.fixture
def mail() -> Iterator[Mailbox]:
    with mail_server() as box:
        yield box


@pytest.fixture
def slack() -> Iterator[Mailbox]:
    with slack_server() as box:
        yield box


def told_by(mail: Mailbox, slack: Mailbox) -> dict[str, dict[str, Any]]:
    """The connections of the two servers."""
    options = {"disable_ssl": True, "disable_tls": True, "retry_limit": 1}
    return {
        "alerts_mail": {"conn_type": "smtp", "host": "127.0.0.1", "port": mail.port, "extra": options},
        "alerts_slack": {
            "conn_type": "slack",
            "password": "xoxb-1",
            "extra": {"base_url": f"http://127.0.0.1:{slack.port}/"},
        },
    }


class Source:
    """The file that the push reads: some good changes, and some of strangers."""

    def __init__(self, folder: Path, sandbox: Sandbox) -> None:
        self._path = folder / "alerted.jsonl"
        self._keys = list(sandbox.keys("ocamba"))[:3]
        self._round = 0

    def write(self, strangers: int) -> None:
        self._round += 1
        good = [{"key": key, "fields": {"comment": f"{SECRET} {self._round}"}} for key in self._keys]
        bad = [{"key": f"1743075506873619990{n}", "fields": {"comment": SECRET}} for n in range(strangers)]
        self._path.write_text("".join(json.dumps(change) + "\n" for change in [*good, *bad]))


def test_a_message_when_it_begins_and_one_when_it_is_over_by_mail_and_slack(
    test_dag: TestDag,
    sandbox: Sandbox,
    folder: Path,
    mail: Mailbox,
    slack: Mailbox,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, connection in told_by(mail, slack).items():
        monkeypatch.setenv(f"AIRFLOW_CONN_{name.upper()}", json.dumps(connection))
    source = Source(folder, sandbox)
    seen = []
    for strangers in (0, 2, 2, 3, 0, 0):
        source.write(strangers)
        test_dag(TEST_DAGS / "alerted_pushes.py")
        seen.append(list(mail.subjects))
    assert seen[0] == []
    assert seen[1] == seen[2] == [BEGINS]
    assert seen[3] == [BEGINS, RED]
    assert sorted(seen[4][2:]) == sorted([GREEN, OVER])
    assert seen[5] == seen[4]
    everything = str(mail.messages) + str(slack.messages)
    assert SECRET not in everything
    assert "Most often: 2 rejected: Ocamba Hood answered 400" in mail.messages[0][1]
    if AIRFLOW_VERSION >= (3, 3):  # before, dag.test() does not tell callbacks of the error; workers do
        assert "Cause: 3 of 6 changes were not delivered" in mail.messages[1][1]
    if HAS_SLACK:
        assert [subject.partition(" (")[0] for subject in slack.subjects] == mail.subjects


def test_what_could_not_be_sent_is_sent_by_the_next_run(
    test_dag: TestDag,
    sandbox: Sandbox,
    folder: Path,
    mail: Mailbox,
    slack: Mailbox,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, connection in told_by(mail, slack).items():
        monkeypatch.setenv(f"AIRFLOW_CONN_{name.upper()}", json.dumps(connection))
    source = Source(folder, sandbox)
    source.write(0)
    test_dag(TEST_DAGS / "alerted_pushes.py")
    mail.messages.clear()
    mail.refuses = True
    source.write(2)
    assert test_dag(TEST_DAGS / "alerted_pushes.py").state == "success"
    assert mail.messages == []
    mail.refuses = False
    source.write(2)
    test_dag(TEST_DAGS / "alerted_pushes.py")
    assert mail.subjects == [BEGINS]
    source.write(0)
    test_dag(TEST_DAGS / "alerted_pushes.py")
    assert mail.subjects == [BEGINS, OVER]


def test_workers_of_a_scheduler_remember_what_was_said(
    deployment: Deployment, sandbox: Sandbox, folder: Path, mail: Mailbox, slack: Mailbox
) -> None:
    deployment.airflow.connect(told_by(mail, slack))
    deployment.switch_on("alerted_pushes")
    source = Source(folder, sandbox)
    for strangers, subjects in ((3, 2), (3, 2), (0, 4)):
        source.write(strangers)
        deployment.end_of("alerted_pushes", deployment.trigger("alerted_pushes"))
        deployment.until(lambda subjects=subjects: len(mail.subjects) == subjects, "the mails")  # type: ignore[misc]
    assert sorted(mail.subjects[:2]) == sorted([BEGINS, RED])
    assert sorted(mail.subjects[2:]) == sorted([OVER, GREEN])
