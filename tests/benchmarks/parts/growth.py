"""How a plan grows with the source: ten times as many records, in part files."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.contenders.job import Job
from benchmarks.contenders.ledger import PARTS
from benchmarks.outcome import Outcome, Row, Target
from benchmarks.parts.ledger import once, store
from benchmarks.race import Effort

BARE, OURS, FILLED = "bare loop, {:,}", "our plan, {:,}", 'our action="baseline", {:,}'
_MB = 1024**2


@dataclass(frozen=True)
class Night:
    """What so many records cost; ``size``: the ledger's, in MB."""

    number: int
    filled: Row
    bare: Row
    ours: Row
    size: float

    @property
    def rows(self) -> list[Row]:
        """The rows of a table, with the number in their names."""
        named = ((self.filled, FILLED), (self.bare, BARE), (self.ours, OURS))
        return [replace(row, name=name.format(self.number)) for row, name in named]


def growth(effort: Effort, folder: Path) -> Outcome:
    """Find the 1 % that changed among so many records and among ten times as many, once each."""
    number = effort.records(10_000_000, at_least=10_000)
    few, many = _night(number // 10, folder, warm=True), _night(number, folder, warm=False)
    more = (many.ours.peak or 0.0) - (few.ours.peak or 0.0)
    targets = [
        Target(
            f"wall time of a plan of {number:,} : bare loop",
            1.3,
            [_seconds(many.ours) / _seconds(many.bare)],
            at_least=False,
        ),
        Target(
            f"peak, a plan of {number:,} − of {few.number:,} records", 20, [more], at_least=False, unit=" MB"
        ),
    ]
    about = (
        f"{PARTS} Parquet files each time, five columns, 1 % changed, ledger in SQLite, one run each, in a "
        f"process each, of the smaller number the second of two: its start would count for much. "
        f"The ledger has {few.size:,.0f} MB, and then {many.size:,.0f} MB."
    )
    return Outcome(
        f"The ledger: growth from {few.number:,} to {number:,} records",
        [*few.rows, *many.rows],
        targets,
        [about, _on_paper(few, many)],
    )


def _night(number: int, folder: Path, *, warm: bool) -> Night:
    own = folder / str(number)
    own.mkdir()
    job = Job("http://127.0.0.1:9", str(own), file=str(own / "people"))
    before, after = (replace(job, file=f"{job.file}-{when}") for when in ("before", "after"))
    once("ledger:sample_parts", job, number)
    with store("SQLite", own) as kept:
        filled = once("ledger:baseline", before, number, kept.more)
        database = Path(json.loads(kept.more["AIRFLOW_CONN_LEDGER"])["host"])
        size = sum(file.stat().st_size for file in database.parent.glob(f"{database.name}*")) / _MB
        once("ledger:learn", before, number, kept.more)
        bare = once("ledger:bare", after, number, kept.more, warm=warm)
        ours = once("ledger:plan", after, number, kept.more, warm=warm)
    shutil.rmtree(own)  # gigabytes
    return Night(number, filled, bare, ours, size)


def _on_paper(few: Night, many: Night) -> str:
    """Say what ten times more would take, if each record grows dearer by as much as it did here."""
    dearer = max(1.0, _seconds(many.ours) / _seconds(few.ours) / (many.number / few.number))
    minutes = _seconds(many.ours) * 10 * dearer / 60
    return (
        f"On paper, {many.number * 10:,} records take {minutes:.0f} minutes to compare, and the ledger "
        f"{many.size * 10 / 1024:.0f} GB: ten times as many as measured, and each record {dearer:.2f} times "
        "as dear, as it became here from the smaller number to the larger. Nobody has measured that."
    )


def _seconds(row: Row) -> float:
    assert row.seconds is not None
    return row.seconds
