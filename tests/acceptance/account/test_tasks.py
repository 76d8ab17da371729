"""What a task leaves: its last line, its report in XCom, its files' names; and an Airflow that fails."""

from __future__ import annotations

import logging
import time
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowException, AirflowTaskTimeout
from airflow.sdk.execution_time.timeout import timeout
from standins import Fault

from airflow_profile_provider.delivery.quota import Quota
from airflow_profile_provider.operators.names import LONGEST_NAME, tried_name
from airflow_profile_provider.operators.ocamba import OcambaPushProfilesOperator
from airflow_profile_provider.push.progress import estimate
from airflow_profile_provider.vendors.base import Access
from airflow_profile_provider.vendors.exchange import Rate
from airflow_profile_provider.vendors.ocamba import Ocamba as OcambaVendor

from .scene import Scene
from .test_arguments import Ti


def test_the_last_line_of_a_red_task_names_the_reason_and_the_rejects(scene: Scene) -> None:
    """Case 21g: without values, most frequent first."""
    scene.vendor.faults = [Fault(400, '{"message": "no"}', key=str(n), times=None) for n in range(10, 20)]
    operator = OcambaPushProfilesOperator(
        task_id="t", records=scene.changes, rejects_path=str(scene.folder / "r.jsonl")
    )
    with pytest.raises(AirflowException) as caught:
        operator.execute({"ti": Ti()})
    assert "10 rejected: Ocamba Hood answered 400" in str(caught.value)
    assert str(scene.folder / "r.d.r.t.1.jsonl") in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_green_task_names_its_rejects(scene: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    """Where there are some that it may leave."""
    path = scene.folder / "r.jsonl"
    operator = OcambaPushProfilesOperator(
        task_id="t", records=scene.changes, max_failed=5, rejects_path=str(path)
    )
    operator.execute({"ti": Ti()})
    assert "r.d.r.t.1.jsonl" in capsys.readouterr().out


def test_a_name_that_is_too_long_is_shortened_and_stays_its_own(scene: Scene) -> None:
    """Case 18b: dag_id and task_id of 90 characters, and longer still."""
    names = set()
    for try_number in (1, 2):
        ti = Ti()
        ti.dag_id, ti.task_id, ti.try_number = "d" * 250, "t" * 250, try_number  # type: ignore[misc]
        operator = OcambaPushProfilesOperator(
            task_id="t", records=scene.changes, max_failed=5, rejects_path=f"{scene.folder}/rejects.jsonl"
        )
        names.add(Path(operator.execute({"ti": ti})["rejects"]).name)
    assert len(names) == 2
    assert all(len(name) <= LONGEST_NAME and name.endswith(".jsonl") for name in names)


def test_ids_that_differ_in_signs_alone_have_rejects_of_their_own() -> None:
    """Case 18b's kin: what a file's name cannot hold does not make two tasks write one file."""
    ids = [("a.b", "t", "r"), ("a_b", "t", "r"), ("a_b", "t.x", "r"), ("a_b", "t_x", "r")]
    ids += [("a_b", "t", "v1.2"), ("a_b", "t", "v1:2"), ("a_b", "t", "v1_2")]
    names = set()
    for dag_id, task_id, run_id in ids:
        ti = Ti()
        ti.dag_id, ti.task_id, ti.run_id = dag_id, task_id, run_id  # type: ignore[misc]
        names.add(tried_name("/r/", {"ti": ti}))  # type: ignore[arg-type]
    assert len(names) == len(ids)


def test_a_run_that_airflow_names_keeps_a_name_that_can_be_read() -> None:
    """Without a hash, as its id says when it was."""
    ti = Ti()
    ti.run_id = "manual__2026-11-26T01:20:55.123456+00:00"  # type: ignore[misc]
    found = tried_name("/r/", {"ti": ti})  # type: ignore[arg-type]
    assert found == "/r/d.manual__2026-11-26T01_20_55_123456_00_00.t.1.jsonl"


def test_execution_timeout_leaves_the_report_in_xcom(scene: Scene) -> None:
    """Case 17a's second half: the task ends soon after the time-out, and says how far it came."""
    scene.vendor.faults = [Fault(200, "{}", late=0.1, times=None)]
    ti, begun = Ti(), time.monotonic()
    operator = OcambaPushProfilesOperator(
        task_id="t", records=scene.changes, rejects_path=f"{scene.folder}/r.jsonl", concurrency=1
    )
    with pytest.raises(AirflowTaskTimeout, match="received") as caught, timeout(0.6):
        operator.execute({"ti": ti})
    assert time.monotonic() - begun < 10
    report = ti.xcoms["return_value"]
    assert report["complete"] is False
    assert caught.value.args[0].count("received") == 1


class Store:
    """A task's state that fails as Airflow's API does."""

    def __init__(self, *broken: str) -> None:
        self.broken, self.held = broken, {}

    def get(self, key: str) -> Any:
        return self._do("get", lambda: self.held.get(key))

    def set(self, key: str, value: Any) -> None:
        self._do("set", lambda: self.held.update({key: value}))

    def delete(self, key: str) -> None:
        self._do("delete", lambda: self.held.pop(key, None))

    def _do(self, what: str, how: Any) -> Any:
        if what in self.broken:
            raise RuntimeError("the API server is away")
        return how()


@pytest.mark.parametrize("broken", [("set",), ("delete",), ("get",), ("get", "set", "delete")])
@pytest.mark.parametrize("try_number", [1, 2])
def test_an_airflow_that_fails_does_not_fail_the_push(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, broken: tuple[str, ...], try_number: int
) -> None:
    """Case 23g: green, without that checkpoint."""
    from airflow_profile_provider.hooks.ocamba import OcambaHook

    monkeypatch.setattr(OcambaHook, "tell_seconds", 0.001)
    ti = Ti()
    ti.try_number = try_number  # type: ignore[misc]
    good = [change for change in scene.changes if change["fields"] and change["key"] != "nobody"]
    operator = OcambaPushProfilesOperator(task_id="t", records=good)
    assert operator.execute({"ti": ti, "task_state_store": Store(*broken)})["pushed"] == len(good)


def test_progress_ends_at_its_end(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """Case 21h: no share that was reached in between stays behind a green task."""
    from airflow_profile_provider.hooks.ocamba import OcambaHook

    monkeypatch.setattr(OcambaHook, "tell_seconds", 0.001)
    store, good = Store(), scene.changes[6:]
    OcambaPushProfilesOperator(task_id="t", records=good).execute({"ti": Ti(), "task_state_store": store})
    assert list(store.held.values()) == [f"{len(good)} received: {len(good)} pushed"]


def test_an_estimate_that_cannot_know_says_at_most() -> None:
    """Case 21h: with a ledger."""
    vendor = OcambaVendor(Access("http://x", "", "", {}))
    words = estimate(500, 1, vendor, Quota((Rate(10, 1.0),)), at_most=True)
    assert "at most 500 requests" in words
    assert "About -1" not in words


def test_an_estimate_of_less_than_a_second_has_no_time() -> None:
    vendor = OcambaVendor(Access("http://x", "", "", {}))
    words = estimate(3, 1, vendor, Quota((Rate(10, 1.0),)))
    assert words == "About 3 records: about 3 requests; the quota is 10/1s"


def test_an_empty_file_is_not_minus_one_record(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    """Case 21h."""
    (scene.folder / "empty.csv").write_text("")
    with caplog.at_level(logging.INFO):
        scene.push(str(scene.folder / "empty.csv"), key="id", fields=["comment"], if_empty="ok")
    assert "-1" not in caplog.text
