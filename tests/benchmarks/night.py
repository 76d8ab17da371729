"""What the figures mean for a night: three pictures, and sentences beside them, out of the same rows."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from benchmarks.outcome import Outcome, Row
from benchmarks.page import LATER, between, read, write
from benchmarks.pictures import Bar, Panel, Picture, svg

MARKS = (
    "<!-- pictures: make bench writes what follows -->",
    "<!-- end of the pictures -->",
)
_RUN = re.compile(r"Measured on (.+?),? on: ", re.DOTALL)
_CHANGES = 10_000
_PEOPLE = 1_000_000
_ONE, _MANY = "1 record a request, vendor at 50 ms", "100 records a request (Sonoran v1), vendor at 50 ms"
_BESIDE, _GROWTH, _PLAN = "The ledger: 1 % is new", "The ledger: growth", "The ledger: what changed"
_NOTHING, _IMPORT = "Nothing to send", "Ocamba's import"


class NotMeasured(LookupError):
    """The run lacks what a picture needs: what that is."""


def publish(page: Path) -> None:
    """Draw what a page's tables suffice for into the folder ``images`` beside it, and put it on the page.

    A part that was measured after the last whole run is taken from there.

    Raises:
        ValueError: the page has no place for it.
    """
    whole, later = between(page), between(page, LATER)
    outcomes = [*read(later), *read(whole)]
    shown = [_of_which_run(whole, later)]
    for make in (_speed, _night, _growth):
        try:
            picture, words = make(outcomes)
        except NotMeasured as error:
            shown.append(f"A picture is missing, because that run has not measured it: {error}.")
            continue
        (page.parent / "images" / f"{picture.file}.svg").write_text(svg(picture))
        alt = picture.title.translate(str.maketrans("[]", "()"))
        shown += [f"![{alt}](images/{picture.file}.svg)", words]
    if said := _around(outcomes):
        shown.append(f"**Around it.** {said}")
    write(page, "\n\n".join(shown), MARKS)


def _of_which_run(whole: str, later: str) -> str:
    run, since = (_RUN.search(each) for each in (whole, later))
    if run is None:
        return "Nothing was measured so far."
    if since is None:
        return f"All figures here are of the run of {run[1]}; its tables follow below."
    return (
        f"The figures here are of the run of {run[1]}; or, where a part was measured since, of the run of "
        f"{since[1]}. The tables of both follow below."
    )


def _speed(outcomes: Sequence[Outcome]) -> tuple[Picture, str]:
    one, many = _of(outcomes, _ONE), _of(outcomes, _MANY)
    loop, ours, drt = (_speed_of(one, name) for name in ("bare loop", "our push, 16 in flight", "drt-core"))
    batched, dlt = (_speed_of(many, name) for name in ("our push, 8 in flight", "dlt"))
    picture = Picture(
        "speed",
        "Sending, to a vendor that answers in 50 ms",
        [
            Panel("Records a second, one a request", _bars(one, _per_second)),
            Panel("Records a second, a hundred a request", _bars(many, _per_second)),
        ],
    )
    words = (
        f"**Sending.** {_CHANGES:,} changes, one a request, take {_time(_CHANGES / ours)} instead of "
        f"{_time(_CHANGES / loop)} in a loop or {_time(_CHANGES / drt)} with drt-core; a hundred a request, "
        f"{_time(_CHANGES / batched)} instead of {_time(_CHANGES / dlt)} with dlt. Threads or coroutines of "
        "your own are as fast, and know no verdicts, quotas and rejects. Where a vendor's quota is lower, it "
        "alone decides."
    )
    return picture, words


def _night(outcomes: Sequence[Outcome]) -> tuple[Picture, str]:
    rows = _of(outcomes, _BESIDE)
    ours, others = (
        next((row for row in rows if row.name.startswith(name)), None) for name in ("our push", "dlt, merge")
    )
    if not (ours and others and ours.requests is not None and others.requests and others.per_second):
        raise NotMeasured(_BESIDE)
    number = round((others.seconds or 0) * others.per_second, -3)
    picture = Picture(
        "night",
        f"A night on which 1 % of {number:,.0f} records changed",
        [
            Panel("Seconds, 50 ms and a hundred records a request", _bars(rows, _seconds)),
            Panel("Requests", _bars(rows, _requests)),
        ],
    )
    words = (
        "**A night.** The ledger finds what changed, with no column that tells. A source without such a "
        "column is sent whole by dlt, and by drt without its idempotency ledger: of "
        f"{_PEOPLE:,} records that is {_PEOPLE / 100:,.0f} requests and "
        f"{_time(_PEOPLE / others.per_second)} at the speed measured here, beside "
        f"{_PEOPLE / 10_000:,.0f} requests of ours. Where such a column is right (incremental), they "
        "send as little, and see less."
    )
    if plan := next((row for row in _of(outcomes, _PLAN) if row.name == "our plan, SQLite"), None):
        words += (
            f" To compare {_PEOPLE:,} records takes us {plan.seconds:.1f} s; if nothing changed, that is all."
        )
    return picture, words


def _growth(outcomes: Sequence[Outcome]) -> tuple[Picture, str]:
    rows = [row for row in _of(outcomes, _GROWTH) if not row.name.startswith("our action")]
    paper = next(outcome for outcome in outcomes if outcome.title.startswith(_GROWTH)).notes[-1]
    picture = Picture(
        "growth",
        "Ten times as many records, 1 % of them changed",
        [
            Panel("Seconds of a plan, and of a bare loop that hashes and looks up", _bars(rows, _seconds)),
            Panel("Most memory, most of it Airflow's", _bars(rows, _peak)),
        ],
    )
    plans = [row for row in rows if row.name.startswith("our plan")]
    told = " and ".join(
        f"{_time(row.seconds or 0)} and {row.peak:,.0f} MB for {_number(row)}" for row in plans
    )
    return picture, f"**Growth.** A plan takes {told} records. {paper}"


def _around(outcomes: Sequence[Outcome]) -> str:
    """Say what a task costs that sends nothing, and what an import does to a quota, as far as measured."""
    said = []
    tasks = [row for outcome in outcomes if outcome.title.startswith(_NOTHING) for row in outcome.rows]
    seconds = [row.seconds for row in tasks[:2] if row.seconds]
    if len(seconds) == 2:
        said.append(
            f"A task that finds nothing to send takes {_time(seconds[1])} in a worker, an empty Python task "
            f"{_time(seconds[0])}."
        )
    imports = [row for outcome in outcomes if outcome.title.startswith(_IMPORT) for row in outcome.rows]
    if imports and imports[0].seconds and imports[0].per_second:
        number = round(imports[0].seconds * imports[0].per_second, -2)
        said.append(
            f"Where a quota decides, fewer requests help: at Ocamba's 150 a minute, {number:,.0f} changes "
            f"take {_time(number / 150 * 60)}, and {_time(imports[0].seconds)} if its import takes "
            "them a hundred at a time."
        )
    return " ".join(said)


def _of(outcomes: Iterable[Outcome], title: str) -> Sequence[Row]:
    rows = next((outcome.rows for outcome in outcomes if outcome.title.startswith(title)), ())
    if not rows:
        raise NotMeasured(title)
    return rows


def _speed_of(rows: Sequence[Row], name: str) -> float:
    found = next((row.per_second for row in rows if row.name == name), None)
    if not found:
        raise NotMeasured(name)
    return found


def _bars(rows: Sequence[Row], figure: Callable[[Row], tuple[float | None, str]]) -> list[Bar]:
    found = [(row, *figure(row)) for row in rows]
    return [
        Bar(row.name, value, shown, "our " in row.name) for row, value, shown in found if value is not None
    ]


def _per_second(row: Row) -> tuple[float | None, str]:
    return row.per_second, f"{row.per_second:,.0f}"


def _seconds(row: Row) -> tuple[float | None, str]:
    return row.seconds, f"{row.seconds:,.1f} s"


def _requests(row: Row) -> tuple[float | None, str]:
    return row.requests, f"{row.requests:,.0f}"


def _peak(row: Row) -> tuple[float | None, str]:
    return row.peak, f"{row.peak:,.0f} MB"


def _number(row: Row) -> str:
    """Return the number of records that stands at the end of a row's name."""
    return row.name.partition(", ")[2]


def _time(seconds: float) -> str:
    return (
        f"{seconds:.1f} s"
        if seconds < 10
        else f"{seconds:.0f} s"
        if seconds < 120
        else f"{seconds / 60:.0f} minutes"
    )
