"""The package uses the words of docs/glossary.md, and those alone."""

from __future__ import annotations

import io
import re
import tokenize
from pathlib import Path

import airflow_profile_provider

PACKAGE = Path(airflow_profile_provider.__file__).parent
OLD = {
    "Planner", "Recipe", "Planned", "Sieve", "Courier", "Gate", "Trail", "Pace", "Book", "Block", "Comparing",
    "made_up", "keeps", "strange", "shaped_by", "planner", "recipe", "NoTrail", "courier", "sieve", "trail",
}  # fmt: skip
KEPT = {("vendors/base.py", "strange")}
"""Vendors that were written outside the package may call it."""
RIDDLES = re.compile(r"\bmend(s|ed|ing)?\b|\bset aside\b", re.IGNORECASE)


def test_no_identifier_has_an_old_name() -> None:
    found = {
        (str(file.relative_to(PACKAGE)), token.string)
        for file in PACKAGE.rglob("*.py")
        for token in tokenize.generate_tokens(io.StringIO(file.read_text()).readline)
        if token.type == tokenize.NAME and token.string in OLD
    }
    assert found <= KEPT


def test_no_text_mends_or_sets_aside() -> None:
    files = [*PACKAGE.rglob("*.py"), PACKAGE.parent / "README.md", *(PACKAGE.parent / "docs").rglob("*.md")]
    assert not [f"{file.name}: {found[0]}" for file in files if (found := RIDDLES.search(file.read_text()))]


def test_the_glossary_has_each_word_once() -> None:
    rows = re.findall(r"^\| ([^|]+) \|", (PACKAGE.parent / "docs/glossary.md").read_text(), re.MULTILINE)
    words = [word for row in rows[1:] for word in row.split(", ")]
    assert len(words) == len(set(words)) > 20
