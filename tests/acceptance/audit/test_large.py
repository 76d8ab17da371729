"""An audit of a hundred thousand accounts reads as many pages as there are, and its memory is flat."""

from __future__ import annotations

from pathlib import Path

import pytest
from benchmarks.contenders.job import Job
from benchmarks.race import Contender, stand_in

pytestmark = pytest.mark.long


def test_all_of_many_take_a_request_a_page_and_one_token_and_no_more_memory(tmp_path: Path) -> None:
    peaks = []
    for number in (10_000, 100_000):
        with stand_in(tmp_path, 0.0, "--accounts", str(number)) as served:
            job = Job(served.url, str(tmp_path), in_flight=4)
            with Contender("audit:ours", job) as contender:
                contender.ready()
                contender.run(number)
                assert served.seen()["admitted"] == number // 1000 + 1
                peaks.append(contender.peak)
    assert peaks[1] - peaks[0] < 25
