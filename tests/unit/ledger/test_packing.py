"""What the ledger keeps of a record's fields is unpacked as it was packed, however many there are."""

from __future__ import annotations

import json
from collections.abc import Iterator
from hashlib import blake2b

import pytest
from sqlalchemy import create_engine

from airflow_profile_provider.ledger.fingerprints import Fingerprints
from airflow_profile_provider.ledger.ledger import Ledger
from airflow_profile_provider.ledger.packing import EARLIER_BYTES, MOST_GROUPS, Packing
from airflow_profile_provider.ledger.salt import FIELD_BYTES, HASH_BYTES

NAMES = [f"field {number}" for number in range(300)]
"""More than are counted in one byte."""
ZEROS = bytes(FIELD_BYTES)
ODD = ("ä", 'quoted "', "100 %s", "%", "", "\0linked", "\ud800")


def print_of(name: str) -> bytes:
    return blake2b(name.encode(), digest_size=FIELD_BYTES).digest()


@pytest.fixture(scope="module")
def packing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Packing]:
    engine = create_engine(f"sqlite:///{tmp_path_factory.mktemp('packing')}/ledger.db")
    ledger = Ledger(engine, "ocamba:x", "id")
    packing = Packing(engine)
    packing.packed(dict.fromkeys(NAMES, ZEROS), ())
    yield packing
    ledger.close()


@pytest.mark.parametrize("earlier", [(), (b"earlier"[:EARLIER_BYTES],), (bytes(EARLIER_BYTES), b"\xff" * 6)])
@pytest.mark.parametrize(
    "names", [(), NAMES[:1], NAMES[120:135], NAMES[200:], NAMES[299:] + NAMES[:3], NAMES]
)
def test_fields_are_unpacked_as_they_were_packed(
    packing: Packing, names: list[str], earlier: tuple[bytes, ...]
) -> None:
    for fields in ({name: print_of(name) for name in names}, dict.fromkeys(names, ZEROS)):
        assert packing.unpacked(packing.packed(fields, earlier)) == (fields, earlier)


def test_after_a_number_that_stands_for_nothing_nothing_is_known(packing: Packing) -> None:
    first, second = ({name: print_of(name)} for name in NAMES[:2])
    kept = packing.packed(first, ()) + packing.packed(second, (b"before",))
    engine = packing._engine
    assert Packing(engine).unpacked(kept) == ({**first, **second}, (b"before",))
    with engine.begin() as connection:
        connection.exec_driver_sql("create table held as select * from profile_ledger_meta")
        where = f"where name like 'fields %' and value = '[\"{NAMES[1]}\"]'"
        assert connection.exec_driver_sql(f"delete from profile_ledger_meta {where}").rowcount == 1
    try:
        assert Packing(engine).unpacked(kept) == (first, ())
    finally:
        with engine.begin() as connection:
            connection.exec_driver_sql("insert or ignore into profile_ledger_meta select * from held")


def test_of_what_an_older_package_packed_the_beginnings_count(packing: Packing) -> None:
    """It wrote a number for each field, and eight bytes behind it."""
    engine, number = packing._engine, 90_000
    with engine.begin() as connection:
        connection.exec_driver_sql(f"insert into profile_ledger_meta values ('field {number}', '\"old\"')")
    kept = b"\x90\xbf\x05" + b"12345678" + packing.packed({"new": b"abcde"}, (b"before",))
    assert Packing(engine).unpacked(kept) == ({"old": b"12345", "new": b"abcde"}, (b"before",))


def test_where_there_are_too_many_combinations_each_field_has_its_number(packing: Packing) -> None:
    engine, names = packing._engine, NAMES[:10]
    sets = [[name for at, name in enumerate(names) if of >> at & 1] for of in range(1, 1 << len(names))]
    kept = [packing.packed({name: print_of(name) for name in each}, ()) for each in sets]
    with engine.begin() as connection:
        query = "select count(*) from profile_ledger_meta where name like 'fields %'"
        assert connection.exec_driver_sql(query).scalar_one() <= MOST_GROUPS + len(names)
    other = Packing(engine)
    for each, packed in zip(sets, kept, strict=True):
        assert other.unpacked(packed) == ({name: print_of(name) for name in each}, ())


@pytest.mark.parametrize("names", [ODD, ODD[::-1], ODD[:1], ()])
def test_a_whole_change_is_hashed_as_older_packages_did(names: tuple[str, ...]) -> None:
    plain = {name: print_of(repr(name)) + b"end" for name in names}
    named = json.dumps(["", sorted((name, digest.hex()) for name, digest in plain.items())])
    due = blake2b(b"shape" + named.encode(), key=b"k" * 32, digest_size=HASH_BYTES).digest()
    prints = Fingerprints(b"k" * 32, "shape", "mapping", [])
    assert [prints.of_all(plain), prints.of_all(plain)] == [due, due]
