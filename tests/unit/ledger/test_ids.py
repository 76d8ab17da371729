"""Which of the vendor's profiles a key means is remembered once for each of them, whoever else writes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import Engine

from airflow_profile_provider.adapters.databases import engine_of
from airflow_profile_provider.errors import Unmatched
from airflow_profile_provider.ledger.ids import Ids
from airflow_profile_provider.ledger.migrations import migrate


@pytest.fixture
def engine(store: dict[str, Any]) -> Iterator[Engine]:
    from airflow.sdk import Connection

    found = engine_of(Connection(conn_id="ledger", **json.loads(json.dumps(store))))
    migrate(found)
    yield found
    found.dispose()


def ids(engine: Engine, key_type: str = "id", target: int = 1) -> Ids:
    return Ids(engine, target, key_type, str.lower)


def test_what_is_remembered_is_known(engine: Engine) -> None:
    assert ids(engine).remember("p-1", "A7") == "A7"
    assert ids(engine).of(["p-1", "p-2"]) == {"p-1": "A7"}


def test_what_a_key_means_already_stays(engine: Engine) -> None:
    ids(engine).remember("p-1", "A7")
    assert ids(engine).remember("p-1", "A8") == "A7"
    assert ids(engine).remember("p-2", "A8") == "A8"


@pytest.mark.parametrize("spelled", ["A7", "a7"])
def test_a_profile_is_one_keys_alone(engine: Engine, spelled: str) -> None:
    ids(engine).remember("p-1", "A7")
    with pytest.raises(Unmatched, match="another key") as refused:
        ids(engine).remember("p-2", spelled)
    assert "p-1" not in str(refused.value)
    assert "p-1" in refused.value.full
    assert ids(engine).of(["p-2"]) == {}


def test_targets_and_identifiers_are_apart(engine: Engine) -> None:
    ids(engine).remember("p-1", "A7")
    assert ids(engine, target=2).remember("p-2", "A7") == "A7"
    assert ids(engine, key_type="name").remember("p-2", "A7") == "A7"


def test_only_what_is_gone_is_forgotten(engine: Engine) -> None:
    """Another push may have found the profile anew meanwhile."""
    ids(engine).remember("p-1", "A7")
    ids(engine).forget("p-1", "A6")
    assert ids(engine).of(["p-1"]) == {"p-1": "A7"}
    ids(engine).forget("p-1", "A7")
    assert ids(engine).remember("p-2", "A7") == "A7"


def test_of_many_at_once_one_key_gets_a_profile(engine: Engine) -> None:
    many = [ids(engine) for _ in range(4)]  # as pushes of several shares have them

    def tries(number: int) -> bool:
        try:
            many[number % 4].remember(f"p-{number}", "A7")
        except Unmatched:
            return False
        return True

    with ThreadPoolExecutor(4) as workers:
        assert sum(workers.map(tries, range(12))) == 1
