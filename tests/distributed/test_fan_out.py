"""A push that is spread over two Celery workers, one of which dies in the middle of it."""

from __future__ import annotations

import subprocess
import sys

import pytest
from include import fan_out_stage

from airflow_profile_provider.records import Verdict
from airflow_profile_provider.sandbox import Sandbox
from distributed.cluster import Cluster, Run
from distributed.conftest import QUOTA

pytestmark = [pytest.mark.distributed, pytest.mark.timeout(600)]

PEOPLE = 900
SENT_BEFORE = 250
SHARES = 4


@pytest.fixture(scope="module")
def survived(cluster: Cluster, vendor: Sandbox) -> Run:
    """A run of the example that lost a worker when each of them was pushing two shares."""
    stage = [sys.executable, "-m", "include.fan_out_stage", "--people", str(PEOPLE)]
    subprocess.run(stage, env=cluster.airflow.environment(), check=True)
    cluster.switch_on("fan_out")
    run = cluster.trigger("fan_out")

    def all_push() -> bool:
        states = [instance["state"] for instance in run.tasks("push")]
        return states == ["running"] * SHARES and vendor.requests("ocamba", 0)["total"] >= SENT_BEFORE

    cluster.until(all_push, "all shares to be pushed")
    cluster.airflow.kill("worker-1")
    assert run.end() == "success"
    return run


def test_the_shares_of_a_dead_worker_are_tried_again_and_no_others(survived: Run) -> None:
    assert sorted(instance["try_number"] for instance in survived.tasks("push")) == [1, 1, 2, 2]


def test_the_vendor_then_holds_the_source(survived: Run, vendor: Sandbox) -> None:
    held = vendor.profiles("ocamba")
    wanted = fan_out_stage.people(PEOPLE)
    assert {key: {name: held[key][name] for name in fields} for key, fields in wanted.items()} == wanted


def test_every_record_has_one_verdict_and_the_sums_say_so(survived: Run) -> None:
    reports = [survived.returned("push", index) for index in range(SHARES)]
    for report in reports:
        assert report["complete"]
        assert sum(report[verdict] for verdict in Verdict) == report["received"]
    total = survived.returned("add_up")
    assert total["received"] == total["pushed"] + total["unchanged"] == PEOPLE
    counts = {name: sum(report[name] for report in reports) for name in ("received", *Verdict, "requests")}
    assert {name: total[name] for name in counts} == counts


def test_one_quota_is_kept_by_all_shares_together(survived: Run, vendor: Sandbox) -> None:
    assert "429" not in vendor.requests("ocamba", 0)["by_status"]


def test_what_is_sent_twice_is_no_more_than_two_shares_had_not_written_down(
    survived: Run, vendor: Sandbox
) -> None:
    again = vendor.requests("ocamba", 0)["writes"] - PEOPLE
    assert 0 <= again <= QUOTA


def test_a_retry_takes_its_own_ledger_at_once(survived: Run) -> None:
    """The lease of the killed push is its task instance's: nobody waits for it to end."""
    logs = [survived.log(instance) for instance in survived.tasks("push") if instance["try_number"] > 1]
    assert len(logs) == 2
    assert not [log for log in logs if "Waiting for another push" in log]


def test_no_share_writes_over_the_delivered_keys_of_another(survived: Run) -> None:
    files = sorted((survived.cluster.profiles / "delivered").iterdir())
    assert [file.name for file in files] == [f"ocamba.{index}.txt" for index in range(SHARES)]
    keys = [key for file in files for key in file.read_text().split()]
    assert sorted(keys) == sorted(fan_out_stage.people(PEOPLE))
