"""What is written of many records at once is what each of them has, however alike they are."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest
from airflow.sdk import Connection

from airflow_profile_provider.adapters.databases import engine_of
from airflow_profile_provider.ledger.entry import Entry
from airflow_profile_provider.ledger.ledger import Ledger, News
from airflow_profile_provider.ledger.tables import ROW_BYTES


@pytest.fixture
def ledger(store: dict[str, Any]) -> Iterator[Ledger]:
    found = Ledger(engine_of(Connection(conn_id="ledger", **store)), "ocamba:x", "id")
    yield found
    found.close()


def print_of() -> bytes:
    return os.urandom(5)


ALIKE = [Entry(f"k{n}", bytes([n]) * ROW_BYTES, {"a": print_of()}, order=7) for n in range(4)]
ALL_THE_SAME = [Entry(f"k{n}", b"\0" * ROW_BYTES, {"a": b"12345"}) for n in range(3)]
UNLIKE = [
    Entry("'k", bytes(range(ROW_BYTES)), {}, order=-1),
    Entry("k,{}", b"\\" * ROW_BYTES, {"a": print_of(), "b": print_of()}, doubt=9, sent="ab"),
    Entry("ä \\N", b"'" * ROW_BYTES, {"a": print_of()}, (b"before",), spelled="Ä \\N"),
    Entry("k", b"%" * ROW_BYTES, {f"{n}": print_of() for n in range(300)}, order=2**62),
]


@pytest.mark.parametrize(
    "entries",
    [ALIKE, ALIKE[:1], ALL_THE_SAME, UNLIKE, UNLIKE[:2], [*UNLIKE, *ALIKE]],
    ids=lambda found: len(found),
)
def test_entries_are_read_as_they_were_written(ledger: Ledger, entries: list[Entry]) -> None:
    for _ in range(2):
        ledger.acknowledge(entries)
        found = ledger.known([entry.key for entry in entries])
        ledger.add_fields(found.values())
        assert len(found) == len(entries)
        for entry in entries:
            read = found[entry.key]
            assert (read.row, read.fields, read.earlier) == (entry.row, entry.fields, entry.earlier)
            assert (read.order, read.doubt, read.sent) == (entry.order, entry.doubt, entry.sent)


@pytest.mark.parametrize(
    "keys", [["a"], ["'k", '"', "\\", "\\n", "\t", "ä", "\U0001f600", "\u2028", "k,{}", "%s", ":key"]]
)
@pytest.mark.parametrize("piped", [True, False])
def test_what_is_new_is_written_at_once_and_nothing_where_a_key_is_known(
    ledger: Ledger, keys: list[str], piped: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not piped:  # as with an old libpq
        monkeypatch.setattr("psycopg.Pipeline.is_supported", lambda: False)

    def news(keys: list[str]) -> News:
        spelled = [None if at % 2 else key.upper() for at, key in enumerate(keys)]
        rows, prints = [os.urandom(ROW_BYTES) for _ in keys], [print_of() + print_of() for _ in keys]
        return News(range(len(keys)), keys, spelled, rows, ("a", "b"), prints)

    first = news(keys)
    assert ledger.learn(lambda: [first])
    found = ledger.known(keys)
    ledger.add_fields(found.values())
    for key, row, prints in zip(keys, first.rows, first.prints, strict=True):
        assert (found[key].row, found[key].doubt) == (row, 0)
        assert found[key].fields == {"a": prints[:5], "b": prints[5:]}
    assert not ledger.learn(lambda: [news(["new"]), news([*keys, "newer"])])
    assert ledger.known(["new", "newer"]) == {}
    assert ledger.learn(lambda: [])
    assert ledger.learn(lambda: [news(["new"]), news(["newer"])])
