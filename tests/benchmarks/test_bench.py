"""The benchmark runs from end to end; what it measures is not judged here."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.outcome import Outcome, Row, Target
from benchmarks.page import BEGIN, END, render, write
from benchmarks.parts.singles import DRT
from benchmarks.race import ROOT, environment
from benchmarks.spread import MARKS
from benchmarks.stand_in import Fixed, Sliding


@pytest.mark.long
def test_a_tiny_run_prints_every_contender_and_ratio_and_leaves_the_docs_alone(tmp_path: Path) -> None:
    page = ROOT / "docs" / "benchmarks.md"
    before = page.read_bytes()
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--only", "latency", "--factor", "0.01", "--rounds", "1"],
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    for contender in ("bare loop", "bare session, 16 threads", "our push, 16 in flight", "aiohttp"):
        assert f"| {contender}" in done.stdout
    assert "records/s : bare session with 16 threads | ≥ 0.9 ×" in done.stdout
    assert DRT not in done.stdout.partition("###")[2]
    assert page.read_bytes() == before


@pytest.mark.long
def test_the_ledgers_parts_send_exactly_what_changed_and_leave_out_what_is_not_installed(
    tmp_path: Path,
) -> None:
    few = ["--factor", "0.001", "--rounds", "1"]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--only", "ledger-requests,ledger-beside", *few],
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
    for what, due in (("Ocamba, no change", 0), ("Ocamba, 1 % changed", 1), ("Sonoran, no change", 0)):
        assert f"| requests, {what} | ≤ {due} | {due}; exactly {due} with either database |" in done.stdout
    assert "| our push, ledger in PostgreSQL |" in done.stdout
    assert DRT not in done.stdout.partition("###")[2].replace("drt and dlt", "")


def test_a_column_that_nobody_has_a_figure_for_is_left_out() -> None:
    shown = render([Outcome("tried", [Row("one", seconds=1.25, requests=0), Row("other", 5)])], "")
    assert "| contender | records/s | seconds | requests |" in shown
    assert "| one | – | 1.25 | 0 |" in shown


def test_a_figure_that_misses_its_bound_is_shown_as_not_reached() -> None:
    outcome = Outcome(
        "tried",
        [Row("ours", 1234.5, 0.0004, 120.0)],
        [
            Target("fast enough", 2, [1.9, 2.5, 2.6]),
            Target("too slow", 2, [1.0]),
            Target("too dear", 1.25, [1.3], at_least=False),
            Target("refused", 1.03, [1.0], at_least=False, also=False, also_said="1 answer 429"),
            Target("left out", 7, skipped="why"),
        ],
    )
    shown = [
        line.rsplit("|", 2)[1].strip() for line in render([outcome], "").splitlines() if "| tried |" in line
    ]
    assert shown == ["reached", *["**not reached**"] * 3, "why"]


@pytest.mark.parametrize("marks", [(BEGIN, END), MARKS])
def test_the_page_has_a_place_for_what_was_measured(marks: tuple[str, str], tmp_path: Path) -> None:
    text = (ROOT / "docs" / "benchmarks.md").read_text()
    page = tmp_path / "page.md"
    page.write_text(text)
    write(page, "NEWS", marks)
    before, _, rest = text.partition(marks[0])
    assert page.read_text() == f"{before}{marks[0]}\nNEWS\n{marks[1]}{rest.partition(marks[1])[2]}"


def test_a_page_without_that_place_is_left_as_it_is(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("words")
    with pytest.raises(ValueError, match="no place"):
        write(page, "NEWS")
    assert page.read_text() == "words"


def test_the_stand_ins_windows_refuse_what_exceeds_them() -> None:
    sliding, fixed = Sliding([(2, 1.0), (3, 10.0)]), Fixed([(2, 1.0), (3, 10.0)])
    at = [20.8, 20.9, 21.0, 21.85, 30.5]
    assert [sliding.admit(now) for now in at] == [True, True, False, True, False]
    assert [fixed.admit(now) for now in at] == [True, True, True, False, True]
