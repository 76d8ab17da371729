"""Lightfield beyond its package: required headers, idempotency keys, null, open readings, loaded fields."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest
import requests

from .conftest import Door


def update(door: Door, body: Any, key: str | None = None, **options: Any) -> requests.Response:
    return door.ask("POST", f"/v1/accounts/{key or door.key}", json=body, **options)


def error(answer: requests.Response) -> dict[str, str]:
    document: dict[str, str] = answer.json()["error"]
    return document


@pytest.mark.parametrize("version", [None, "2025-01-01"])
def test_the_version_header_is_required(lightfield: Door, version: str | None) -> None:
    answer = update(lightfield, {"fields": {"$name": "x"}}, headers={"Lightfield-Version": version})
    assert (answer.status_code, error(answer)["code"]) == (400, "version_header")


def test_a_body_must_be_declared_as_json(lightfield: Door) -> None:
    answer = lightfield.ask("POST", f"/v1/accounts/{lightfield.key}", data="{}")
    assert (answer.status_code, error(answer)["type"]) == (415, "unsupported_media_type")


def test_only_named_fields_change_and_null_clears(lightfield: Door) -> None:
    before = lightfield.fields()
    assert update(lightfield, {"fields": {"tier": None, "$name": "Ada"}}).status_code == 200
    assert lightfield.fields() == {**before, "tier": None, "$name": "Ada"}


def test_reads_wrap_values_with_their_type(lightfield: Door) -> None:
    answer = update(lightfield, {"fields": {"$headcount": "11-50"}}).json()
    assert answer["fields"]["$headcount"] == {"value": "opt_headcount_1150", "valueType": "SINGLE_SELECT"}
    assert answer["relationships"]["$owner"]["cardinality"] == "HAS_ONE"


def test_an_unknown_key_beside_fields_is_refused(lightfield: Door) -> None:
    answer = update(lightfield, {"fields": {}, "skipEnrichment": True})
    assert (answer.status_code, error(answer)["param"]) == (400, "skipEnrichment")


@pytest.mark.parametrize(
    ("relationships", "status", "code"),
    [
        ({"$bogus": {"add": "con_1"}}, 400, "unknown_relationship"),
        ({"$note": {"add": "not_1"}}, 400, "read_only_relationship"),
        ({"$contact": {"add": "con_nobody"}}, 422, "relationship_entity_missing"),
        ({"$contact": {"set": "con_1"}}, 400, "invalid_type"),
        ({"$contact": {}}, 400, "invalid_type"),
        ({"$owner": {"replace": ["mem_1", "mem_2"]}}, 400, "invalid_type"),
    ],
)
def test_a_bad_relationship_is_refused_and_changes_nothing(
    lightfield: Door, relationships: dict[str, Any], status: int, code: str
) -> None:
    before = lightfield.sandbox.relationships("lightfield"), lightfield.fields()
    answer = update(lightfield, {"fields": {"tier": "x"}, "relationships": relationships})
    assert (answer.status_code, error(answer)["code"]) == (status, code)
    assert (lightfield.sandbox.relationships("lightfield"), lightfield.fields()) == before


def test_the_link_cap_counts_what_a_replacement_removes(lightfield: Door) -> None:
    contacts = [f"con_{n}" for n in range(26)]
    lightfield.sandbox.load("lightfield", {"acc_1": {}}, relationships={"acc_1": {"$contact": contacts}})
    answer = update(lightfield, {"relationships": {"$contact": {"replace": None}}})
    assert (answer.status_code, error(answer)["code"]) == (422, "relationship_write_limit_exceeded")
    assert update(lightfield, {"relationships": {"$contact": {"remove": contacts[:25]}}}).status_code == 200
    assert lightfield.sandbox.relationships("lightfield")["acc_1"]["$contact"] == contacts[25:]


def test_open_readings_of_relationships_and_values_can_be_the_harsher_ones(lightfield: Door) -> None:
    lightfield.set(harsh=True, quota=False)
    wanted: list[dict[str, Any]] = [
        {"relationships": {"$contact": {"replace": []}}},
        {"relationships": {"$contact": {"add": [], "remove": []}}},
        {"fields": {"$headcount": "11-50"}},
    ]
    for body in wanted:
        answer = update(lightfield, body)
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_type")
    update(lightfield, {"fields": {"$primaryAddress": {"street": "Main"}}})
    assert lightfield.fields()["$primaryAddress"] == {"city": "Helsinki", "country": "FI", "street": "Main"}
    assert lightfield.ask("GET", "/v1/accounts", params={"limit": 26}).status_code == 400


def test_lists_can_lag_behind_writes(lightfield: Door) -> None:
    lightfield.set(index_lag=2.0)
    lightfield.sandbox.freeze()
    update(lightfield, {"fields": {"$name": "Fresh"}})
    asked = {"$name": "Fresh"}
    assert lightfield.ask("GET", "/v1/accounts", params=asked).json()["totalCount"] == 0
    assert (
        lightfield.ask("GET", f"/v1/accounts/{lightfield.key}").json()["fields"]["$name"]["value"] == "Fresh"
    )
    lightfield.sandbox.advance(2.1)
    assert lightfield.ask("GET", "/v1/accounts", params=asked).json()["totalCount"] == 1


# -- idempotency keys --------------------------------------------------------------------------------------


def keyed(door: Door, name: str, idempotency_key: str, key: str | None = None) -> requests.Response:
    headers = {"Idempotency-Key": idempotency_key}
    return update(door, {"fields": {"$name": name}}, key, headers=headers)


def test_a_used_key_replays_the_old_answer_and_carries_nothing_out(lightfield: Door) -> None:
    first, second = keyed(lightfield, "A", "k"), keyed(lightfield, "B", "k")
    assert second.json() == first.json()
    assert lightfield.fields()["$name"] == "A"
    assert lightfield.sandbox.requests("lightfield")["writes"] == 1


def test_a_key_is_new_again_after_24_hours(lightfield: Door) -> None:
    keyed(lightfield, "A", "k")
    lightfield.sandbox.advance(86_401)
    keyed(lightfield, "B", "k")
    assert lightfield.fields()["$name"] == "B"


def test_a_failed_request_frees_its_key(lightfield: Door) -> None:
    headers = {"Idempotency-Key": "k"}
    assert update(lightfield, {"fields": {"bogus": 1}}, headers=headers).status_code == 400
    assert keyed(lightfield, "B", "k").status_code == 200
    assert lightfield.fields()["$name"] == "B"


def test_a_key_whose_first_request_still_runs_is_a_conflict(lightfield: Door) -> None:
    lightfield.sandbox.faults("lightfield", "delay", delay=0.5, times=1)
    slow = threading.Thread(target=keyed, args=(lightfield, "A", "k"))
    slow.start()
    while lightfield.sandbox.show_faults()[0]["struck"] == 0:
        time.sleep(0.005)
    answer = requests.post(
        f"{lightfield.sandbox.url}/v1/accounts/{lightfield.key}",
        json={"fields": {"$name": "B"}},
        headers={**lightfield.session.headers, "Idempotency-Key": "k"},
        timeout=10,
    )
    slow.join()
    assert (answer.status_code, error(answer)["code"]) == (409, "idempotency_conflict")
    assert lightfield.fields()["$name"] == "A"


def test_a_lost_answer_is_replayed_for_its_key(lightfield: Door) -> None:
    lightfield.sandbox.faults("lightfield", "lost", times=1)
    with pytest.raises(requests.ConnectionError):
        keyed(lightfield, "A", "k")
    assert keyed(lightfield, "A", "k").status_code == 200
    assert lightfield.sandbox.requests("lightfield")["writes"] == 1


@pytest.mark.parametrize(("scope", "name"), [("record", "B"), ("operation", None)])
def test_the_record_may_be_a_part_of_the_keys_scope(lightfield: Door, scope: str, name: str | None) -> None:
    lightfield.set(idempotency_scope=scope)
    first, second = list(lightfield.sandbox.keys("lightfield"))[:2]
    old = lightfield.fields(second)["$name"]
    keyed(lightfield, "A", "k", first)
    keyed(lightfield, "B", "k", second)
    assert lightfield.fields(second)["$name"] == (name or old)


def test_a_key_over_255_characters_is_refused(lightfield: Door) -> None:
    answer = keyed(lightfield, "A", "k" * 256)
    assert (answer.status_code, error(answer)["code"]) == (400, "idempotency_key_too_long")


# -- values ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "written", "held"),
    [
        ("renewalDate", "2026-03-16T14:00:00+02:00", "2026-03-16T12:00:00.000Z"),
        ("$website", "https://a.example.com", ["https://a.example.com"]),
        ("$industry", ["Fintech"], ["opt_industry_fintech"]),
        ("phone", ["+358 555 0100"], ["+358 555 0100"]),
        ("annualRevenue", 12.34, 12.34),
        ("isCustomer", True, True),
    ],
)
def test_values_are_kept_by_their_type(lightfield: Door, field: str, written: Any, held: Any) -> None:
    assert update(lightfield, {"fields": {field: written}}).status_code == 200
    assert lightfield.fields()[field] == held


@pytest.mark.parametrize(
    ("field", "written"),
    [
        ("renewalDate", "2026-03-16"),
        ("renewalDate", "2026-03-16T14:00:00"),
        ("annualRevenue", 12.345),
        ("employees", "12"),
        ("isCustomer", "true"),
        ("$website", [1]),
        ("phone", ["call me"]),
        ("$primaryAddress", {"country": "Finland"}),
        ("$primaryAddress", {"zip": "1"}),
        ("$industry", ["Alchemy"]),
    ],
)
def test_values_of_another_type_are_refused(lightfield: Door, field: str, written: Any) -> None:
    answer = update(lightfield, {"fields": {field: written}})
    assert (answer.status_code, error(answer)["code"]) == (400, "invalid_type")


def test_loaded_accounts_bring_their_own_fields_and_links(lightfield: Door) -> None:
    lightfield.sandbox.load(
        "lightfield",
        {"acc_mine": {"$name": "Mine", "ticker": "MIN"}},
        relationships={"acc_mine": {"$owner": ["mem_me"], "$contact": ["con_you"]}},
        definitions={"segment": {"valueType": "SINGLE_SELECT", "options": ["Small", "Large"]}},
    )
    answer = update(lightfield, {"fields": {"segment": "Large", "ticker": "M"}})
    assert answer.json()["fields"]["segment"]["value"] == "opt_segment_large"
    assert list(lightfield.sandbox.profiles("lightfield")) == ["acc_mine"]
    assert update(lightfield, {"relationships": {"$contact": {"add": "con_you"}}}).status_code == 200
