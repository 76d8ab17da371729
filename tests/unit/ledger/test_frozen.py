"""What a ledger holds of a row outlives a release: the same mapping, the same fingerprint."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

import pyarrow as pa
import pytest

from airflow_profile_provider.ledger.fingerprints import Fingerprints
from airflow_profile_provider.ledger.tables import ROW_BYTES
from airflow_profile_provider.mapping.field_mapping import FieldMapping
from airflow_profile_provider.mapping.mapper import Mapper
from airflow_profile_provider.records import Row
from airflow_profile_provider.sources.parquet import ColumnBatch
from airflow_profile_provider.vendors.base import Access, Vendor
from airflow_profile_provider.vendors.lightfield import Lightfield
from airflow_profile_provider.vendors.ocamba import Ocamba

ACCESS = Access("https://vendor.example.com", "login", "secret")
ROW = {"id": "7", "name": "Åse", "v": 3, "comment": None}
OCAMBA: dict[str, Any] = {"key": "id", "fields": {"comment": "comment", "full_name": "name"}}
EVERYTHING: dict[str, Any] = {
    "key": "id",
    "fields": {"$name": "name"},
    "version": "v",
    "nulls": "skip",
    "relationships": {"$owner": {"replace": "comment"}},
    "max_record_bytes": 2000,
    "exact_keys": True,
}


def prints_of(vendor: Vendor, mapping: dict[str, Any]) -> Fingerprints:
    mapper = Mapper(vendor, FieldMapping(**mapping))
    return Fingerprints(b"k" * 32, vendor.shape, mapper.meaning, mapper.columns)


@pytest.mark.parametrize(
    ("vendor", "mapping", "fingerprint"),
    [
        (Ocamba, {}, "9bf50fb14f150b7622ab0e6700d4bcac"),
        (Ocamba, OCAMBA, "4264333e293e1589995a65c5f89f63d5"),
        (Lightfield, EVERYTHING, "d9976d74e2478481c433e3d7106def4c"),
    ],
    ids=["changes", "mapped", "every option"],
)
def test_a_release_alone_changes_no_fingerprint(
    vendor: type[Vendor], mapping: dict[str, Any], fingerprint: str
) -> None:
    """These were written down once: whoever changes one makes every ledger look at every row again.

    A ledger keeps the beginnings; older packages kept all of them.
    """
    assert prints_of(vendor(ACCESS), mapping).of_row(Row(1, ROW)).hex() == fingerprint[: 2 * ROW_BYTES]


def test_a_release_alone_changes_no_fingerprint_of_a_batch() -> None:
    batch = pa.RecordBatch.from_pylist(
        [ROW], pa.schema({"id": pa.string(), "name": pa.string(), "v": pa.int64()})
    )
    block = ColumnBatch(1, ["id", "name", "v"], batch)
    assert [found.hex() for found in prints_of(Ocamba(ACCESS), OCAMBA).of_rows(block)] == [
        "a1ac7f37ef311bd95b7c97d3d1fc9a5d"[: 2 * ROW_BYTES]
    ]


def test_how_a_mapping_is_written_makes_no_other() -> None:
    """Any mapping or list will do, and a default may be named."""
    named = {"key": "id", "fields": MappingProxyType(OCAMBA["fields"]), "exact_keys": False}
    named |= {"key_type": Ocamba(ACCESS).usable_key_types[0], "nulls": Ocamba(ACCESS).nulls}
    assert (
        Mapper(Ocamba(ACCESS), FieldMapping(**named)).meaning
        == Mapper(Ocamba(ACCESS), FieldMapping(**OCAMBA)).meaning
    )


@pytest.mark.parametrize("option", list(EVERYTHING))
def test_an_option_that_maps_otherwise_is_another_mapping(option: str) -> None:
    """Equal rows ask for other changes then."""
    given = {name: value for name, value in EVERYTHING.items() if name != option}
    given |= (
        {"key": "name"} if option == "key" else {"fields": {"$twitter": "name"}} if option == "fields" else {}
    )
    meanings = {Mapper(Lightfield(ACCESS), FieldMapping(**each)).meaning for each in (EVERYTHING, given)}
    assert len(meanings) == 2
