"""A push that was cut off goes on where it ended, and reports the whole."""

from __future__ import annotations

import gzip
import json
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
from resuming import FileCheckpoints, QuickHook, push
from standins import Fault, Ocamba
from standins.server import Reply, Seen

from airflow_profile_provider.delivery.bounds import SETTLE_SECONDS
from airflow_profile_provider.delivery.retries import RetryRule
from airflow_profile_provider.errors import Paused, PushStopped
from airflow_profile_provider.fields import const
from airflow_profile_provider.push.watermark import Watermark
from airflow_profile_provider.records import Verdict
from airflow_profile_provider.reports import Report

N = 60


@pytest.fixture
def ocamba(monkeypatch: pytest.MonkeyPatch) -> Iterator[Ocamba]:
    with Ocamba({str(n): {"comment": ""} for n in range(N)}) as stand_in:
        connect(monkeypatch, stand_in)
        monkeypatch.setattr(QuickHook, "retry_rule", RetryRule(attempts=2, first_wait=0.001))
        yield stand_in


def connect(monkeypatch: pytest.MonkeyPatch, stand_in: Ocamba, **extra: Any) -> None:
    connection = {"conn_type": "ocamba", "host": "http://127.0.0.1", "port": stand_in.port}
    connection |= {"password": stand_in.secret, "extra": {"quota": "none", "concurrency": 1, **extra}}
    monkeypatch.setenv("AIRFLOW_CONN_OCAMBA_DEFAULT", json.dumps(connection))


def write(folder: Path, *, bad: int = -1, unknown: int = -1) -> None:
    lines = []
    for n in range(N):
        fields = {} if n == bad else {"comment": f"is {n}"}
        lines.append(json.dumps({"key": "nobody" if n == unknown else str(n), "fields": fields}))
    (folder / "records.jsonl").write_text("\n".join(lines) + "\n")


def written(ocamba: Ocamba) -> list[str]:
    return [request.path.rsplit("/", 1)[1] for request in ocamba.requests]


def test_a_retry_goes_on_at_the_first_record_that_is_not_settled(ocamba: Ocamba, tmp_path: Path) -> None:
    write(tmp_path, bad=3, unknown=5)
    ocamba.faults = [Fault(401, key="30", times=None)]
    with pytest.raises(PushStopped):
        push(tmp_path)
    ocamba.faults = []
    before = len(ocamba.requests)
    report = push(tmp_path)
    assert written(ocamba)[before:] == [str(n) for n in range(30, N)]
    assert (report["received"], report["pushed"], report["invalid"], report["rejected"]) == (N, N - 2, 1, 1)
    assert report["unsent"] == report["failed"] == 0
    assert report["complete"]
    assert report["requests"] == len(ocamba.requests)
    assert all(ocamba.profiles[str(n)]["comment"] == f"is {n}" for n in range(N) if n not in {3, 5})


def test_the_files_of_all_tries_end_in_one(ocamba: Ocamba, tmp_path: Path) -> None:
    write(tmp_path, bad=3, unknown=5)
    ocamba.faults = [Fault(401, key="30", times=None)]
    with pytest.raises(PushStopped):
        push(tmp_path)
    ocamba.faults = []
    push(tmp_path)
    rejects = [json.loads(line) for line in (tmp_path / "rejects.jsonl").read_text().splitlines()]
    assert [(line["position"], line["verdict"]) for line in rejects] == [(4, "invalid"), (6, "rejected")]
    delivered = [json.loads(line)["key"] for line in (tmp_path / "delivered.jsonl").read_text().splitlines()]
    assert delivered == [str(n) for n in range(N) if n not in {3, 5}]


def test_compressed_files_go_on_too(ocamba: Ocamba, tmp_path: Path) -> None:
    write(tmp_path)
    files: dict[str, Any] = {"delivered_path": tmp_path / "delivered.txt.gz"}
    checkpoints = FileCheckpoints(tmp_path / "checkpoint.json")
    ocamba.faults = [Fault(401, key="30", times=None)]
    with pytest.raises(PushStopped):
        QuickHook().push(tmp_path / "records.jsonl", checkpoints=checkpoints, **files)
    ocamba.faults = []
    QuickHook().push(tmp_path / "records.jsonl", checkpoints=checkpoints, **files)
    assert gzip.decompress(files["delivered_path"].read_bytes()).decode().split() == [
        str(n) for n in range(N)
    ]


def test_a_source_that_changed_in_between_starts_again(ocamba: Ocamba, tmp_path: Path) -> None:
    write(tmp_path)
    ocamba.faults = [Fault(401, key="30", times=None)]
    with pytest.raises(PushStopped):
        push(tmp_path)
    ocamba.faults = []
    with (tmp_path / "records.jsonl").open("a") as more:
        more.write(json.dumps({"key": "1", "fields": {"comment": "once more"}}) + "\n")
    report = push(tmp_path)
    assert report["received"] == N + 1
    assert report["pushed"] + report["superseded"] == N + 1


def test_other_options_start_again(ocamba: Ocamba, tmp_path: Path) -> None:
    write(tmp_path)
    ocamba.faults = [Fault(401, key="30", times=None)]
    with pytest.raises(PushStopped):
        push(tmp_path)
    ocamba.faults = []
    before = len(ocamba.requests)
    push(tmp_path, nulls="skip")
    assert len(ocamba.requests) - before == N


def test_another_constant_starts_again(ocamba: Ocamba, tmp_path: Path) -> None:
    (tmp_path / "records.jsonl").write_text("".join(f'{{"id": "{n}"}}\n' for n in range(N)))
    ocamba.faults = [Fault(401, key="30", times=None)]
    for value in ("one", "one", "other"):
        before = len(ocamba.requests)
        with pytest.raises(PushStopped):
            push(tmp_path, key="id", fields={"comment": const(value)})
        assert written(ocamba)[before] == ("0" if before == 0 or value == "other" else "30")


def test_a_rejects_file_that_is_gone_starts_again_rather_than_lose_them(
    ocamba: Ocamba, tmp_path: Path
) -> None:
    write(tmp_path, bad=3)
    ocamba.faults = [Fault(401, key="30", times=None)]
    with pytest.raises(PushStopped):
        push(tmp_path)
    ocamba.faults = []
    (tmp_path / "rejects.jsonl").unlink()
    report = push(tmp_path)
    assert (report["received"], report["invalid"]) == (N, 1)
    assert '"position": 4' in (tmp_path / "rejects.jsonl").read_text()


def test_a_failed_record_is_sent_again_before_what_followed_it(ocamba: Ocamba, tmp_path: Path) -> None:
    write(tmp_path)
    ocamba.faults = [Fault(503, key="10", times=2)]
    first = push(tmp_path)
    assert first["failed"] == 1
    before = len(ocamba.requests)
    report = push(tmp_path)
    assert written(ocamba)[before:] == [str(n) for n in range(10, N)]
    assert (report["received"], report["pushed"], report["failed"]) == (N, N, 0)


def test_a_list_goes_on_by_its_content(ocamba: Ocamba, tmp_path: Path) -> None:
    changes = [{"key": str(n), "fields": {"comment": "x"}} for n in range(N)]
    checkpoints = FileCheckpoints(tmp_path / "checkpoint.json")
    ocamba.faults = [Fault(401, key="30", times=None)]
    with pytest.raises(PushStopped):
        QuickHook().push(changes, checkpoints=checkpoints)
    ocamba.faults = []
    before = len(ocamba.requests)
    assert QuickHook().push(list(changes), checkpoints=checkpoints).pushed == N
    assert len(ocamba.requests) - before == N - 30


def test_a_generator_starts_again(ocamba: Ocamba, tmp_path: Path) -> None:
    checkpoints = FileCheckpoints(tmp_path / "checkpoint.json")
    changes = ({"key": str(n), "fields": {"comment": "x"}} for n in range(N))
    assert QuickHook().push(changes, checkpoints=checkpoints).pushed == N
    assert checkpoints.saved == 0


def test_a_checkpoint_holds_no_value(ocamba: Ocamba, tmp_path: Path) -> None:
    write(tmp_path)
    ocamba.faults = [Fault(401, key="30", times=None)]
    with pytest.raises(PushStopped):
        push(tmp_path)
    text = (tmp_path / "checkpoint.json").read_text()
    assert "is 1" not in text
    assert ocamba.secret not in text
    assert len(text) < 5000


def test_a_long_wait_ends_the_push_and_another_goes_on(
    ocamba: Ocamba, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path)
    connect(monkeypatch, ocamba, quota="20/1s", concurrency=4)
    legs, report = 0, None
    while report is None:
        try:
            report = push(tmp_path, patience=0.3)
        except Paused as paused:
            legs += 1
            assert paused.after is not None
            assert 0.3 < paused.after <= 1.1
            assert legs < 5
            time.sleep(paused.after)
    assert 2 <= legs < 5  # the wait is longer than patience each time; on a busy machine a leg is shorter
    assert (report["received"], report["pushed"]) == (N, N)
    assert sorted(written(ocamba), key=int) == [str(n) for n in range(N)]
    times = sorted(request.at for request in ocamba.requests)
    assert all(later - earlier >= 1 for earlier, later in zip(times, times[20:], strict=False))


class Crossing(Ocamba):
    """Refuses one key for now, but only once the three behind it have arrived, too."""

    refused = 20

    def __init__(self) -> None:
        super().__init__({str(n): {"comment": ""} for n in range(N)})
        self.faults = [Fault(429, key=str(self.refused))]
        self._meeting = Barrier(4)
        self._met: set[str] = set()

    def take(self, request: Seen) -> tuple[Reply, Fault | None]:
        """Let the first requests for these four keys meet before they are answered."""
        key = request.path.rsplit("/", 1)[1]
        if int(key) in range(self.refused, self.refused + 4) and key not in self._met:
            self._met.add(key)
            self._meeting.wait(60)
        return super().take(request)


def test_what_was_acknowledged_behind_a_record_that_waits_is_not_sent_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The record that finds no permit need not be the last one that was taken from the queue."""
    assert crossed(tmp_path, monkeypatch) == sorted([*range(N), Crossing.refused])


@pytest.mark.long
def test_an_answer_under_way_is_waited_for_before_the_slot_is_given_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody is about to kill a push that waits for its quota, as somebody is one that was asked to end."""
    late = Fault(204, late=SETTLE_SECONDS + 1, key=str(Crossing.refused + 2))
    assert crossed(tmp_path, monkeypatch, late) == sorted([*range(N), Crossing.refused])


def crossed(folder: Path, monkeypatch: pytest.MonkeyPatch, *faults: Fault) -> list[int]:
    """Push in two legs; return the keys that were sent."""
    write(folder)
    monkeypatch.setattr(QuickHook, "retry_rule", RetryRule(first_wait=30.0))
    with Crossing() as ocamba:
        ocamba.faults += faults
        connect(monkeypatch, ocamba, concurrency=4)
        with pytest.raises(Paused):
            push(folder, patience=1.0)
        report = push(folder, patience=1.0)
        assert (report["received"], report["pushed"], report["unsent"]) == (N, N, 0)
        return sorted(map(int, written(ocamba)))


def test_the_mark_waits_for_the_first_record_that_is_not_settled() -> None:
    watermark = Watermark()
    for position in range(1, 8):
        watermark.received(position)
    for position in (1, 2, 4, 6):
        watermark.settled(position, Verdict.PUSHED)
    assert watermark.advance() == (3, {Verdict.PUSHED: 4}, (4, 6))
    watermark.settled(3, Verdict.REJECTED)
    watermark.settled(5, Verdict.FAILED)
    watermark.settled(7, Verdict.PUSHED)  # it may be of the same key, so it is sent again after the fifth
    assert watermark.advance() == (5, {Verdict.PUSHED: 4, Verdict.REJECTED: 1}, (6,))


def test_reports_of_two_parts_add_up() -> None:
    first = Report(received=3, pushed=2, rejected=1, requests=4, seconds=1.5)
    second = Report(received=2, pushed=2, requests=2, seconds=0.5, rejects="r")
    both = first.plus(second)
    assert (both.received, both.pushed, both.rejected, both.requests) == (5, 4, 1, 6)
    assert (both.seconds, both.rejects) == (2.0, "r")
