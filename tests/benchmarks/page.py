"""The table, as it is printed and as the docs carry it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from benchmarks.outcome import Outcome, Row, Target

BEGIN, END = "<!-- measured: make bench writes what follows -->", "<!-- end of what was measured -->"
LATER = ("<!-- later: some parts of make bench -->", "<!-- end of what was measured later -->")
"""Where those parts stand that were measured by themselves, after the last whole run."""
_NONE = "–"
"""Not measured; a column of nothing else is left out."""


def render(outcomes: Sequence[Outcome], about: str) -> str:
    """Write the ratios to reach, then each part's rows, as Markdown."""
    return "\n\n".join(
        [about, targets(outcomes), *(_part(outcome) for outcome in outcomes if not outcome.failed)]
    )


def targets(outcomes: Sequence[Outcome]) -> str:
    """Write what is to be reached, and what was, as a table."""
    return _table(
        ["part", "what", "to reach", "measured", ""],
        (line for outcome in outcomes for line in _ratios(outcome)),
    )


def read(measured: str) -> list[Outcome]:
    """Read the parts' rows and notes back from what `render` wrote, as exactly as they are shown there."""
    outcomes = []
    for part in measured.split("\n### ")[1:]:
        title, *paragraphs = part.strip().split("\n\n")
        tables = [each for each in paragraphs if each.startswith("| contender |")]
        rows = [_row_of(line) for table in tables for line in _lines(table)]
        notes = [each for each in paragraphs if not each.startswith("|")]
        outcomes.append(Outcome(title, rows, (), notes))
    return outcomes


def between(page: Path, marks: tuple[str, str] = (BEGIN, END)) -> str:
    """Return what stands between two marks of a page."""
    begin, end = marks
    return page.read_text().partition(begin)[2].partition(end)[0].strip()


def write(page: Path, measured: str, marks: tuple[str, str] = (BEGIN, END)) -> None:
    """Put what was measured between two marks of a page, and leave the rest of it as it is.

    Raises:
        ValueError: the page lacks a mark.
    """
    begin, end = marks
    before, begun, rest = page.read_text().partition(begin)
    _, ended, after = rest.partition(end)
    if not (begun and ended):
        raise ValueError(f"{page} has no place for what was measured: {begin} … {end}")
    page.write_text(f"{before}{begin}\n{measured}\n{end}{after}")


def write_later(page: Path, measured: str) -> None:
    """Put parts on a page that were measured after the last whole run; empty after a whole run."""
    write(page, f"## Parts measured since\n\n{measured}" if measured else "", LATER)


def _part(outcome: Outcome) -> str:
    lines = [f"### {outcome.title}"]
    if outcome.rows:
        cells = list(map(_row, outcome.rows))
        measured = [name for name in cells[0] if any(row[name] != _NONE for row in cells)]
        lines.append(_table(measured, ([row[name] for name in measured] for row in cells)))
    lines += outcome.notes
    return "\n\n".join(lines)


def _row(row: Row) -> dict[str, str]:
    def shown(figure: float | None, how: str) -> str:
        return _NONE if figure is None else how.format(figure)

    return {
        "contender": row.name,
        "records/s": _NONE if row.per_second is None else _number(row.per_second),
        "seconds": shown(row.seconds, "{:.2f}"),
        "requests": shown(row.requests, "{:,.0f}"),
        "records a request": shown(row.a_request, "{:.4g}"),
        "CPU a record": shown(None if row.cpu is None else row.cpu * 1000, "{:.3f} ms"),
        "peak memory": shown(row.peak, "{:.0f} MB"),
        "at the start": shown(row.loaded, "{:.0f} MB"),
        "settings": row.settings or _NONE,
    }


def _lines(table: str) -> list[dict[str, str]]:
    head, _, *rows = ([cell.strip() for cell in line.strip("| ").split(" | ")] for line in table.splitlines())
    return [dict(zip(head, row, strict=True)) for row in rows]


def _row_of(cells: Mapping[str, str]) -> Row:
    def figure(name: str) -> float | None:
        shown = cells.get(name, _NONE).removesuffix(" MB").removesuffix(" ms").replace(",", "")
        return None if shown == _NONE else float(shown)

    cpu = figure("CPU a record")
    return Row(
        cells["contender"],
        figure("records/s"),
        None if cpu is None else cpu / 1000,
        figure("peak memory"),
        figure("at the start"),
        cells.get("settings", "").replace(_NONE, ""),
        figure("records a request"),
        figure("requests"),
        figure("seconds"),
    )


def _ratios(outcome: Outcome) -> list[list[str]]:
    if outcome.failed:
        return [[outcome.title, "the part itself", _NONE, _NONE, f"**failed**: {outcome.failed}"]]
    return [_ratio(outcome.title, target) for target in outcome.targets]


def _ratio(title: str, target: Target) -> list[str]:
    bound = f"{'≥' if target.at_least else '≤'} {target.bound:g}{target.unit}"
    if not target.figures:
        return [title, target.what, bound, "–", target.skipped]
    figure = f"{_figure(target.figure)}{target.unit}"
    if len(target.figures) > 1:
        figure += f" ({_figure(min(target.figures))} to {_figure(max(target.figures))})"
    if target.also_said:
        figure += f"; {target.also_said}"
    return [title, target.what, bound, figure, "reached" if target.reached else "**not reached**"]


def _figure(figure: float) -> str:
    if isinstance(figure, int):
        return f"{figure:,}"
    return f"{figure:.3f}" if abs(figure) < 10 else f"{figure:.1f}"


def _number(figure: float) -> str:
    return f"{figure:,.0f}" if figure >= 100 else f"{figure:.1f}"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
