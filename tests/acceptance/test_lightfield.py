"""Lightfield: keys that keep requests from being done twice, links in portions, fields that are read-only."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from standins import Fault

from .conftest import OpenRig
from .rig import Rig, counts, lines


@pytest.fixture
def rig(open_rig: OpenRig) -> Rig:
    return open_rig("lightfield")


def keys(rig: Rig) -> list[str]:
    """The Idempotency-Key of each request."""
    return [request.headers["idempotency-key"] for request in rig.stand_in.writes]


def test_a_request_is_as_the_page_shows_it(rig: Rig) -> None:
    rig.hold(1)
    rig.push([rig.change(1, **{"$name": "Apex"})])
    (write,) = rig.stand_in.writes
    assert (write.method, write.path) == ("POST", f"/v1/accounts/{rig.sample.key(1)}")
    assert write.json == {"fields": {"$name": "Apex"}}
    assert write.headers["lightfield-version"] == "2026-03-01"


def test_the_version_comes_from_the_connection(rig: Rig) -> None:
    rig.hold(1)
    rig.connect(extra={"api_version": "2027-01-01"})
    outcome = rig.run(rig.changes(1))
    assert rig.stand_in.writes[0].headers["lightfield-version"] == "2027-01-01"
    assert "version" in str(outcome.error)  # which the stand-in does not know


# -- Idempotency-Key ----------------------------------------------------------------------------------------


def test_every_intended_request_has_a_fresh_key(rig: Rig) -> None:
    rig.hold(*range(20))
    rig.push(rig.changes(*range(20)))
    assert len(set(keys(rig))) == 20
    assert all(0 < len(key) <= 255 for key in keys(rig))


@pytest.mark.parametrize(
    "fault", [Fault(drop=True), Fault(503, "busy", {"Retry-After": "0"})], ids=["lost answer", "503"]
)
def test_a_retry_repeats_its_key(rig: Rig, fault: Fault) -> None:
    rig.hold(1)
    rig.stand_in.faults = [fault]
    assert counts(rig.push(rig.changes(1))) == {"pushed": 1}
    assert len(keys(rig)) == 2
    assert len(set(keys(rig))) == 1


@pytest.mark.parametrize("at_once", [False, True], ids=["three pushes", "one push"])
def test_a_then_b_then_a_ends_as_a(rig: Rig, at_once: bool) -> None:
    rig.hold(1, 2)
    changes = [rig.rename(1, value) for value in ("A", "B", "A")]
    if at_once:
        rig.push(changes)
    else:
        for change in changes:
            assert counts(rig.push([change])) == {"pushed": 1}
        assert len(set(keys(rig))) == 3
    assert rig.holds(1)["$name"] == "A"
    assert rig.stand_in.replays == 0


def test_equal_changes_of_two_accounts_have_two_keys(rig: Rig) -> None:
    rig.hold(1, 2)
    rig.push([rig.rename(1, "Same"), rig.rename(2, "Same")])
    assert len(set(keys(rig))) == 2
    assert rig.holds(2)["$name"] == "Same"


# -- relationships ------------------------------------------------------------------------------------------


def link(rig: Rig, number: int = 1, **relationships: Any) -> dict[str, Any]:
    """A change of relationships; names come without their dollar."""
    named = {f"${name}": operations for name, operations in relationships.items()}
    return {"key": rig.sample.key(number), "fields": {}, "relationships": named}


def contacts(first: int, last: int) -> list[str]:
    return [f"con_{number:03d}" for number in range(first, last)]


def linked(rig: Rig, name: str = "$contact") -> list[str]:
    return rig.stand_in.links[rig.sample.key(1)][name]


def portions(rig: Rig) -> list[int]:
    """How many links each request names."""
    sizes = []
    for request in rig.stand_in.writes:
        values = [v for ops in request.json.get("relationships", {}).values() for v in ops.values()]
        sizes.append(sum(1 if isinstance(value, str) else len(value or []) for value in values))
    return sizes


def test_relationships_go_with_the_fields(rig: Rig) -> None:
    rig.hold(1)
    change = {**rig.change(1), "relationships": {"$owner": {"replace": "mem_1"}}}
    assert counts(rig.push([change])) == {"pushed": 1}
    assert linked(rig, "$owner") == ["mem_1"]
    assert rig.holds(1) == rig.expected(1)
    assert len(rig.stand_in.writes) == 1


def test_links_may_be_added_and_removed(rig: Rig) -> None:
    rig.hold(1)
    rig.stand_in.links[rig.sample.key(1)] = {"$contact": ["con_001", "con_002"]}
    rig.push([link(rig, contact={"add": ["con_003"], "remove": ["con_001"]})])
    assert linked(rig) == ["con_002", "con_003"]


def test_more_than_25_links_go_in_several_requests_in_order(rig: Rig) -> None:
    rig.hold(1)
    report = rig.push([link(rig, contact={"add": contacts(0, 60)})], concurrency=4)
    assert counts(report) == {"pushed": 1}
    assert linked(rig) == contacts(0, 60)
    assert portions(rig) == [25, 25, 10]
    assert len(set(keys(rig))) == 3


def test_25_links_are_summed_over_the_whole_request(rig: Rig) -> None:
    rig.hold(1)
    rig.stand_in.links[rig.sample.key(1)] = {"$contact": contacts(100, 120)}
    operations = {"add": contacts(0, 20), "remove": contacts(100, 120)}
    report = rig.push([link(rig, contact=operations, owner={"replace": "mem_1"})])
    assert counts(report) == {"pushed": 1}
    assert max(portions(rig)) <= 25
    assert linked(rig) == contacts(0, 20)
    assert linked(rig, "$owner") == ["mem_1"]


def test_replacing_by_more_than_25_links_ends_with_exactly_those(rig: Rig) -> None:
    rig.hold(1)
    rig.stand_in.links[rig.sample.key(1)] = {"$contact": contacts(100, 110)}
    report = rig.push([link(rig, contact={"replace": contacts(0, 40)})])
    assert counts(report) == {"pushed": 1}
    assert sorted(linked(rig)) == contacts(0, 40)
    assert max(portions(rig)) <= 25


def operations(rig: Rig) -> list[Any]:
    """The operations of each request, by relationship."""
    return [request.json.get("relationships") for request in rig.stand_in.writes]


def test_a_vendor_may_want_one_operation_a_request(rig: Rig) -> None:
    rig.hold(1)
    rig.connect(extra={"operations": "single"})
    rig.stand_in.links[rig.sample.key(1)] = {"$contact": ["con_001", "con_002"]}
    change = link(rig, contact={"add": ["con_3", "con_4"], "remove": "con_001"})
    assert counts(rig.push([{**change, "fields": {"tier": "gold"}}])) == {"pushed": 1}
    assert operations(rig) == [
        {"$contact": {"remove": ["con_001"]}},
        {"$contact": {"add": ["con_3", "con_4"]}},
    ]
    assert [request.json.get("fields") for request in rig.stand_in.writes] == [{"tier": "gold"}, None]
    assert linked(rig) == ["con_002", "con_3", "con_4"]


def test_a_vendor_may_want_one_id_to_replace_by(rig: Rig) -> None:
    rig.hold(1)
    rig.connect(extra={"operations": "single"})
    rig.stand_in.links[rig.sample.key(1)] = {"$contact": contacts(100, 110)}
    change = link(rig, contact={"replace": contacts(0, 40)}, owner={"replace": "mem_1"})
    assert counts(rig.push([change])) == {"pushed": 1}
    assert operations(rig)[0] == {"$contact": {"replace": "con_000"}}
    assert portions(rig) == [1, 25, 15]
    assert linked(rig) == contacts(0, 40)
    assert linked(rig, "$owner") == ["mem_1"]


def test_a_refusal_of_one_records_links_leaves_the_others(rig: Rig) -> None:
    rig.hold(1, 2)
    error = {"error": {"type": "unprocessable_content", "message": "no"}}
    rig.stand_in.faults = [Fault(422, error, key=rig.sample.key(2), times=None)]
    changes = [link(rig, 1, contact={"add": contacts(0, 30)}), link(rig, 2, contact={"add": "con_1"})]
    assert counts(rig.push(changes)) == {"pushed": 1, "rejected": 1}
    assert linked(rig) == contacts(0, 30)


def test_a_refusal_of_the_second_request_rejects_the_record(rig: Rig, tmp_path: Path) -> None:
    rig.hold(1)
    rig.stand_in.links[rig.sample.key(1)] = {"$contact": []}
    changes = [{"key": rig.sample.key(1), "fields": {"tier": "gold"}}]
    rig.push(changes)
    requests = len(rig.stand_in.writes)
    refuse_later(rig, after=requests + 1)
    outcome = rig.run([link(rig, contact={"add": contacts(0, 60)})], rejects_path=str(tmp_path / "r.jsonl"))
    assert counts(outcome.report) == {"rejected": 1}
    assert len(rig.stand_in.writes) == requests + 2
    (line,) = lines(outcome.report["rejects"])
    assert line["relationships"] == {"$contact": {"add": contacts(0, 60)}}


def refuse_later(rig: Rig, after: int) -> None:
    """Refuse every write but the first ``after``."""
    stand_in, answer = rig.stand_in, rig.stand_in.answer
    error = {"error": {"type": "unprocessable_content", "message": "no"}}

    def refusing(request: Any) -> Any:
        from standins import Reply

        late = stand_in.is_write(request) and len(stand_in.writes) > after
        return Reply(422, error) if late else answer(request)

    stand_in.answer = refusing


def test_relationships_are_never_coalesced(rig: Rig) -> None:
    rig.hold(1)
    report = rig.push(
        [link(rig, contact={"add": "con_1"}), link(rig, contact={"add": "con_2"})], concurrency=1
    )
    assert counts(report) == {"pushed": 2}
    assert linked(rig) == ["con_1", "con_2"]


@pytest.mark.parametrize(
    "relationships",
    [
        {"$task": {"add": ["tsk_1"]}},
        {"$note": {"add": ["not_1"]}},
        {"$opportunity": {"add": ["opp_1"]}},
        {"$contact": {"append": ["con_1"]}},
        {"$contact": ["con_1"]},
        {"$contact": {"add": [17]}},
        {"$contact": {}},
        ["$contact"],
    ],
    ids=str,
)
def test_relationships_that_cannot_be_written_are_invalid(rig: Rig, relationships: Any) -> None:
    rig.hold(1)
    report = rig.push([{**rig.change(1), "relationships": relationships}])
    assert counts(report) == {"invalid": 1}
    assert rig.stand_in.writes == []


@pytest.mark.parametrize("name", ["list", "rows.jsonl", "rows.csv", "rows.parquet"])
def test_relationships_come_from_columns(rig: Rig, tmp_path: Path, name: str) -> None:
    rig.hold(1)
    people: Any = '["con_1", "con_2"]' if name == "rows.csv" else ["con_1", "con_2"]
    rows = [{"id": rig.sample.key(1), "name": "Apex", "owner": "mem_1", "people": people}]
    outcome = rig.run(
        rows if name == "list" else rig.write_file(tmp_path / name, rows),
        key="id",
        fields={"$name": "name"},
        relationships={"$owner": {"replace": "owner"}, "$contact": {"add": "people"}},
    )
    assert counts(outcome.report) == {"pushed": 1}
    assert linked(rig, "$owner") == ["mem_1"]
    assert linked(rig) == ["con_1", "con_2"]


def test_relationships_at_a_vendor_without_them_are_invalid(open_rig: OpenRig) -> None:
    other = open_rig("ocamba")
    other.hold(1)
    report = other.push([{**other.change(1), "relationships": {"$owner": {"replace": "mem_1"}}}])
    assert counts(report) == {"invalid": 1}


# -- fields -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["$howTheyMakeMoney", "$accountStatus"])
def test_read_only_fields_are_refused_before_sending(rig: Rig, name: str) -> None:
    rig.hold(1)
    assert counts(rig.push([rig.change(1, **{name: "x"})])) == {"invalid": 1}
    assert rig.stand_in.writes == []


def test_null_clears(rig: Rig) -> None:
    rig.hold(1)
    rig.push([rig.change(1, **{"$linkedIn": None, "$name": "Apex"})])
    assert rig.holds(1) == {"$name": "Apex", "tier": "bronze"}


def test_custom_attributes_keep_their_types(rig: Rig) -> None:
    rig.hold(1)
    assert counts(rig.push([rig.change(1, score=17, active=True)])) == {"pushed": 1}
    assert (rig.holds(1)["score"], rig.holds(1)["active"]) == (17, True)


def test_a_decimal_is_a_number(rig: Rig) -> None:
    rig.hold(1)
    rig.push([rig.change(1, score=Decimal("12.5"))])
    assert rig.holds(1)["score"] == 12.5


def test_a_moment_has_an_offset(rig: Rig) -> None:
    rig.hold(1)
    rig.push([rig.change(1, tier=dt.datetime(2026, 3, 16, 12, tzinfo=dt.UTC))])
    assert rig.holds(1)["tier"] in {"2026-03-16T12:00:00+00:00", "2026-03-16T12:00:00Z"}


def test_an_address_is_an_object(rig: Rig) -> None:
    rig.hold(1)
    address = {"city": "Espoo", "country": "FI", "latitude": 60.2}
    assert counts(rig.push([rig.change(1, **{"$primaryAddress": address})])) == {"pushed": 1}
    assert rig.holds(1)["$primaryAddress"] == address


@pytest.mark.parametrize("key", ["acc/1", "acc 1", "acc?x=1", "acc#1", "açc"])
def test_a_key_never_changes_the_path(rig: Rig, key: str) -> None:
    rig.stand_in.profiles[key] = {}
    assert counts(rig.push([{"key": key, "fields": {"$name": "Apex"}}])) == {"pushed": 1}
    assert rig.stand_in.profiles[key] == {"$name": "Apex"}
