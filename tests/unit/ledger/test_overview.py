"""The ledger looked at by people: what it knows of a key in any spelling, and of keys that begin alike."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Engine
from standins import Ocamba

from airflow_profile_provider.adapters.databases import engine_of
from airflow_profile_provider.ledger.overview import LedgerOverview

from .quick import push
from .test_migrations import connection

TARGET = "ocamba:ocamba_default"


@pytest.fixture
def overview(ocamba: Ocamba, store: dict[str, Any]) -> Iterator[LedgerOverview]:
    """A ledger that knows two keys that were acknowledged, and one that was refused."""
    push([{"id": key, "comment": "c", "name": "n"} for key in ("1", "10", "Nobody_x")])
    engine: Engine = engine_of(connection(store))
    yield LedgerOverview(engine)
    engine.dispose()


def test_a_key_is_known_in_whatever_spelling(overview: LedgerOverview) -> None:
    (known,) = overview.known("1")
    assert (known.target, known.key, known.acknowledged, known.in_doubt) == (TARGET, "1", True, False)
    assert known.quarantined_until is None
    (refused,) = overview.known(" NOBODY_X")
    assert (refused.acknowledged, refused.in_doubt, refused.refused_in_runs) == (False, True, 1)
    assert refused.last_refused
    assert json.dumps(refused.as_dict())


def test_keys_are_known_by_how_they_begin(overview: LedgerOverview) -> None:
    assert [known.key for known in overview.known("1", prefix=True)] == ["1", "10"]
    assert [known.key for known in overview.known("1", prefix=True, limit=1)] == ["1"]
    assert [known.key for known in overview.known("NoBody", prefix=True)] == ["nobody_x"]
    assert overview.known("nobodyx", prefix=True) == []
    assert overview.known("%", prefix=True) == []


def test_targets_are_named_without_counting(overview: LedgerOverview) -> None:
    assert [(named.target, named.key_type) for named in overview.names()] == [(TARGET, "id")]
