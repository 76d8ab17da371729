"""A ledger in numbers: exact while there are few keys, bounded or as of a moment where there are many."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Engine, text
from standins import Ocamba

from airflow_profile_provider.adapters.databases import engine_of
from airflow_profile_provider.ledger.admin import LedgerAdmin
from airflow_profile_provider.ledger.counted import DAY, keep_count
from airflow_profile_provider.ledger.overview import LedgerOverview, Numbers

from .quick import push
from .test_migrations import connection

NOW = 1_800_000_000.0


@pytest.fixture
def engine(ocamba: Ocamba, store: dict[str, Any]) -> Iterator[Engine]:
    """A ledger that knows two keys that were acknowledged, and one that was refused."""
    push([{"id": key, "comment": "c", "name": "n"} for key in ("1", "10", "Nobody_x")])
    engine: Engine = engine_of(connection(store))
    yield engine
    engine.dispose()


def fill(engine: Engine, number: int, **columns: Any) -> None:
    """Add entries."""
    names = "".join(f', "{name}"' for name in columns)
    values = "".join(f", :{name}" for name in columns)
    insert = f'insert into profile_ledger (target, "key"{names}) values (1, :key{values})'
    with engine.begin() as opened:
        last = opened.execute(text("select count(*) from profile_ledger")).scalar_one()
        rows = [{"key": f"k{last + each}", **columns} for each in range(number)]
        opened.execute(text(insert), rows)


def numbers(engine: Engine, **options: Any) -> Numbers:
    """The only target in numbers."""
    (found,) = LedgerOverview(engine, clock=lambda: NOW).numbers(**options)
    return found


def test_few_keys_are_counted_as_the_command_counts_them(engine: Engine) -> None:
    fill(engine, 3, refusals=5, refused_at=NOW - 1, doubt=1)
    fill(engine, 2, order=7)
    found, counted = numbers(engine), LedgerAdmin(engine, clock=lambda: NOW).target()
    names = ("target", "key_type", "entries", "in_doubt", "refused", "quarantined", "newest", "busy")
    assert {name: getattr(found, name) for name in names} == {name: getattr(counted, name) for name in names}
    assert (found.entries, found.in_doubt, found.refused, found.quarantined, found.newest) == (8, 4, 4, 3, 7)
    assert (found.counted, found.at_least) == (None, ())


def test_what_is_beyond_the_bound_is_said_to_be_more(engine: Engine) -> None:
    fill(engine, 3, refusals=5, refused_at=NOW - 1, doubt=1)
    found = numbers(engine, most=3)
    assert (found.entries, found.in_doubt, found.refused) == (3, 3, 3)
    assert sorted(found.at_least) == ["entries", "in_doubt", "quarantined", "refused"]


def test_many_keys_are_told_as_they_were_counted(engine: Engine) -> None:
    fill(engine, 7)
    keep_count(engine, 1, 10, clock=lambda: NOW)
    fill(engine, 90)
    found = numbers(engine, most=9)
    assert (found.entries, found.counted, found.at_least) == (10, "2027-01-15T08:00:00+00:00", ())


def test_a_push_leaves_a_count(engine: Engine) -> None:
    assert numbers(engine, most=2).entries == 3


@pytest.mark.parametrize(
    ("written", "later", "counted"), [((4, 5), 1.0, 100), ((4, 6), 1.0, 130), ((0, 0), DAY, 130)]
)
def test_keys_are_counted_again_once_a_tenth_may_be_new_or_a_day_is_over(
    engine: Engine, written: tuple[int, int], later: float, counted: int
) -> None:
    fill(engine, 97)
    keep_count(engine, 1, 100, clock=lambda: NOW)
    fill(engine, 30)
    for number in written:
        keep_count(engine, 1, number, clock=lambda: NOW + later)
    assert numbers(engine, most=50).entries == counted


def test_a_killed_push_leaves_no_untrue_number(engine: Engine) -> None:
    """It has written entries and has not come to count them."""
    fill(engine, 97)
    found = numbers(engine, most=50)
    assert (found.entries, found.counted, found.at_least) == (50, None, ("entries",))


def test_a_target_that_is_forgotten_leaves_no_count(engine: Engine) -> None:
    admin = LedgerAdmin(engine)
    admin.forget(admin.target(), None)
    with engine.connect() as opened:
        assert opened.execute(text("select count(*) from profile_ledger_counted")).scalar() == 0


def test_a_role_without_a_right_to_the_count_pushes_all_the_same(ocamba: Ocamba, engine: Engine) -> None:
    with engine.begin() as opened:
        opened.execute(text("alter table profile_ledger_counted rename to profile_ledger_hidden"))
    report = push([{"id": "1", "comment": "other", "name": "n"}])
    assert report.pushed == 1


def test_a_ledger_that_knows_nothing_has_no_numbers(engine: Engine) -> None:
    admin = LedgerAdmin(engine)
    admin.forget(admin.target(), None)
    assert LedgerOverview(engine).numbers() == []


QUERIES = {
    "profile_ledger": 'select "key" from profile_ledger where target = 1 '
    """and "key" >= 'k2' and "key" < 'k3' order by "key" limit 50""",
    "profile_ledger_doubt": "select target from profile_ledger where target = 1 "
    "and profile_ledger.doubt <> 0",
    "profile_ledger_refused": "select refusals, refused_at from profile_ledger where target = 1 "
    "and profile_ledger.refusals > 0",
    "profile_ledger_newest": 'select "order" from profile_ledger where target = 1 '
    'and profile_ledger."order" is not null order by "order" desc limit 1',
}


@pytest.mark.parametrize("index", QUERIES)
def test_keys_are_found_by_an_index(engine: Engine, index: str) -> None:
    fill(engine, 3000)
    explain = "explain query plan " if engine.dialect.name == "sqlite" else "explain "
    with engine.begin() as opened:
        opened.execute(text("analyze"))
        plan = "\n".join(str(tuple(row)) for row in opened.execute(text(explain + QUERIES[index])))
    assert index in plan
    assert "Filter" not in plan


def test_keys_are_compared_by_code_points_whatever_the_database_prefers(engine: Engine) -> None:
    """Only so an index finds keys by how they begin; SQLite knows nothing else."""
    if engine.dialect.name == "postgresql":
        named = "select collation_name from information_schema.columns where table_name = 'profile_ledger'"
        with engine.connect() as opened:
            assert opened.execute(text(f"{named} and column_name = 'key'")).scalar() == "C"
