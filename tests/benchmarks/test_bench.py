"""The benchmark runs from end to end; what it measures is not judged here."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from benchmarks import night
from benchmarks.kept import Kept
from benchmarks.outcome import Outcome, Row, Target
from benchmarks.page import BEGIN, END, LATER, between, read, render, write, write_later
from benchmarks.parts.singles import DRT
from benchmarks.pictures import WIDTH, Bar, Panel, Picture, svg
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


BROKEN = """
import sys, time
import benchmarks.__main__ as bench
from benchmarks.outcome import Outcome, Row

def broken(effort, folder):
    raise RuntimeError("a part broke")

def tried(effort, folder):
    print("tried", file=sys.stderr)
    return Outcome("What was tried", [Row("one", 5)])

def hanging(effort, folder):
    time.sleep(600)

bench.MOST_SECONDS = 1
bench.PARTS = {"broken": broken, "hanging": hanging, "tried": tried}
bench.main()
"""


@pytest.mark.long
def test_a_part_that_breaks_off_or_hangs_is_shown_and_the_others_are_measured_and_kept(
    tmp_path: Path,
) -> None:
    runs = [
        subprocess.run(
            [sys.executable, "-c", BROKEN, "--keep", str(tmp_path / "kept")],
            env=environment(tmp_path),
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        for _ in range(2)
    ]
    for done in runs:
        assert done.returncode == 1
        assert "RuntimeError: a part broke" in done.stderr
        assert done.stderr.splitlines()[-1] == "failed: broken, hanging"
        assert "| broken | the part itself | – | – | **failed**: RuntimeError |" in done.stdout
        assert "| hanging | the part itself | – | – | **failed**: TimeoutError |" in done.stdout
        assert "| one | 5.0 |" in done.stdout
    assert ["\ntried\n" in done.stderr for done in runs] == [True, False]


def test_what_was_kept_is_taken_over_for_the_same_commit_and_effort_alone(tmp_path: Path) -> None:
    found = Outcome("tried", [Row("one", 5)], [Target("fast", 2, [1.5])], ["a note"])
    Kept(tmp_path, "this").put("part", found, 7.0)
    same = Kept(tmp_path, "this")
    assert (same.get("part"), same.seconds) == (found, 7.0)
    assert Kept(tmp_path, "other").get("part") is None
    assert same.get("another") is None


def test_a_pages_tables_are_read_back_as_they_were_written() -> None:
    row = Row("one", 1234.0, 0.0125, 120.0, 100.0, "as installed", 99.5, 20.0, 1.25)
    measured = render([Outcome("tried", [row, Row("other")], [], ["a note"]), Outcome("more", [row])], "")
    assert read(measured) == [
        Outcome("tried", [row, Row("other")], (), ["a note"]),
        Outcome("more", [row], (), []),
    ]


def test_a_picture_has_its_figures_in_words_and_the_longest_bar_fits() -> None:
    bars = [Bar("a <loop>", 10.0, "10 s"), Bar("our push", 2.0, "2 s", is_ours=True)]
    root = ElementTree.fromstring(svg(Picture("speed", "Fast & slow", [Panel("Seconds", bars)])))
    name = "{http://www.w3.org/2000/svg}"
    assert root.findtext(f"{name}title") == "Fast & slow"
    assert root.findtext(f"{name}desc") == "Seconds: a <loop> 10 s; our push 2 s."
    drawn = [each for each in root.iter(f"{name}rect") if each.get("class") in {"o", "e"}]
    ends = [float(each.get("x", 0)) + float(each.get("width", 0)) for each in drawn]
    assert len(ends) == 2
    assert ends[1] < ends[0] < WIDTH
    assert "prefers-color-scheme:dark" in (root.findtext(f"{name}style") or "")


def test_the_pictures_on_the_page_are_those_of_its_tables(tmp_path: Path) -> None:
    docs = ROOT / "docs"
    page = tmp_path / "benchmarks.md"
    page.write_text((docs / "benchmarks.md").read_text())
    (tmp_path / "images").mkdir()
    night.publish(page)
    drawn = list((tmp_path / "images").iterdir())
    assert drawn
    for picture in drawn:
        ElementTree.fromstring(picture.read_text())
        assert picture.read_text() == (docs / "images" / picture.name).read_text()
    assert between(page, night.MARKS) == between(docs / "benchmarks.md", night.MARKS)


def test_a_picture_that_was_not_measured_is_said_to_be_missing(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("\n".join((*night.MARKS, BEGIN, "Measured on a day, on: a machine.", END, *LATER)))
    night.publish(page)
    assert between(page, night.MARKS).count("A picture is missing") == 3


def test_a_part_that_was_measured_since_is_shown_instead_of_the_older_one(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    (tmp_path / "images").mkdir()
    page.write_text("\n".join((*night.MARKS, BEGIN, END, *LATER)))

    def measured(day: str, seconds: float) -> str:
        rows = [Row("empty task", seconds=0.1), Row("our task", seconds=seconds)]
        return render([Outcome("Nothing to send", rows)], f"Measured on {day}, commit abc, on: a machine.")

    write(page, measured("Monday", 1.0))
    write_later(page, measured("Tuesday", 2.0))
    night.publish(page)
    shown = between(page, night.MARKS)
    assert "run of Monday, commit abc; or, where a part was measured since, of the run of Tuesday" in shown
    assert "takes 2.0 s in a worker" in shown
    write_later(page, "")  # a whole run, which has all
    night.publish(page)
    assert "takes 1.0 s in a worker" in between(page, night.MARKS)
    assert "since" not in page.read_text()


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


@pytest.mark.parametrize("marks", [(BEGIN, END), MARKS, night.MARKS, LATER])
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
