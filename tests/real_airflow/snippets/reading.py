"""The snippets of a page, and what a comment before one says of it.

A Python snippet stands alone, unless ``<!-- continues -->`` is before it: then the one above is a part of it.
``<!-- not run: why -->`` is before a snippet that cannot be run here.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

FENCED = re.compile(
    r"^(?:<!-- (?P<mark>continues|not run: [^\n]+) -->\n)?"
    r"(?P<indent> *)```(?P<language>\w*)[^\n]*\n(?P<code>.*?)^ *```$",
    re.DOTALL | re.MULTILINE,
)


@dataclass(frozen=True)
class Snippet:
    """One fenced block: its line in the page, its language, its code, and why it is not run, if it is not."""

    line: int
    language: str
    code: str
    not_run: str = ""


def snippets(page: Path) -> Iterator[Snippet]:
    """Return a page's snippets in order; one that continues another begins with the other's code."""
    text = page.read_text(encoding="utf-8")
    before = ""
    for found in FENCED.finditer(text):
        mark = found["mark"] or ""
        code = textwrap.dedent(found["code"])
        if mark == "continues":
            code = f"{before}\n{code}"
        if found["language"] == "python":
            before = code
        line = text[: found.start("language")].count("\n") + 1
        yield Snippet(line, found["language"], code, mark.partition("not run: ")[2])
