"""Bars as SVG: plain text, readable on light and on dark pages, with words for who does not see them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

WIDTH = 760
_LEFT, _BARS, _RIGHT = 24, 366, 104
"""Where the names begin, where the bars begin, and the room for the figures beside the longest bar."""
_BAR, _GAP, _HEAD, _PANEL = 20, 9, 58, 40
_STYLE = (
    ".b{fill:#f6f8fa}.t{fill:#15202b;font-weight:600;font-size:18px}.p{fill:#15202b;font-weight:600}"
    ".n{fill:#3d4f60}.v{fill:#15202b}.o{fill:#2f6690}.e{fill:#9fb0bf}"
    "@media(prefers-color-scheme:dark){.b{fill:#161b22}.t,.p,.v{fill:#e6edf3}.n{fill:#a9b7c4}"
    ".o{fill:#58a6ff}.e{fill:#5b6b7a}}"
)


@dataclass(frozen=True)
class Bar:
    """A contender's figure; ``shown`` is how it is written, ``is_ours`` draws it in the stronger colour."""

    name: str
    figure: float
    shown: str
    is_ours: bool = False


@dataclass(frozen=True)
class Panel:
    """Bars of one scale, which begins at nothing."""

    title: str
    bars: Sequence[Bar]


@dataclass(frozen=True)
class Picture:
    """Panels below one another; ``file`` is its name without an ending."""

    file: str
    title: str
    panels: Sequence[Panel]

    @property
    def words(self) -> str:
        """All that the picture shows, as a text."""
        told = (
            f"{panel.title}: " + "; ".join(f"{bar.name} {bar.shown}" for bar in panel.bars)
            for panel in self.panels
        )
        return ". ".join(told) + "."


def svg(picture: Picture) -> str:
    """Draw a picture."""
    drawn, top = [], _HEAD
    for panel in picture.panels:
        drawn.append(_text("p", _LEFT, top + 14, panel.title))
        top += 28
        longest = max((bar.figure for bar in panel.bars), default=0) or 1
        for bar in panel.bars:
            drawn += _drawn(bar, longest, top)
            top += _BAR + _GAP
        top += _PANEL - 28
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {top}" role="img" '
            'aria-labelledby="t d" font-size="14" '
            "font-family=\"system-ui, -apple-system, 'Liberation Sans', sans-serif\">",
            f'  <title id="t">{escape(picture.title)}</title>',
            f'  <desc id="d">{escape(picture.words)}</desc>',
            f"  <style>{_STYLE}</style>",
            f'  <rect class="b" width="{WIDTH}" height="{top}" rx="12"/>',
            _text("t", _LEFT, 36, picture.title),
            *drawn,
            "</svg>\n",
        ]
    )


def _drawn(bar: Bar, longest: float, top: int) -> list[str]:
    width = max(2.0, (WIDTH - _BARS - _RIGHT) * bar.figure / longest)
    weight = ' font-weight="600"' if bar.is_ours else ""
    kind = "o" if bar.is_ours else "e"
    return [
        _text("n", _LEFT, top + 15, bar.name, weight),
        f'  <rect class="{kind}" x="{_BARS}" y="{top}" width="{width:.1f}" height="{_BAR}" rx="3"/>',
        _text("v", _BARS + width + 8, top + 15, bar.shown, weight),
    ]


def _text(kind: str, x: float, y: float, words: str, more: str = "") -> str:
    return f'  <text class="{kind}" x="{x:g}" y="{y:g}"{more}>{escape(words)}</text>'
