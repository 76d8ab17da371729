"""Lightfield's own Python package works against the sandbox: list, read, update, read back, refusals."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import lightfield
import pytest

from airflow_profile_provider.sandbox import Sandbox


@pytest.fixture
def sdk(sandbox: Sandbox) -> Iterator[lightfield.Lightfield]:
    key = sandbox.connections()["lightfield_default"]["password"]
    with lightfield.Lightfield(api_key=key, base_url=sandbox.url, max_retries=0) as sdk:
        yield sdk


def some_id(sandbox: Sandbox) -> str:
    return next(iter(sandbox.keys("lightfield")))


def test_the_key_is_valid_and_has_full_access(sdk: lightfield.Lightfield) -> None:
    answer = sdk.auth.validate()
    assert (answer.active, answer.token_type, answer.scopes) == (True, "api_key", [])


def test_lists_come_in_pages_of_at_most_25_with_the_total(sdk: lightfield.Lightfield) -> None:
    first, second = sdk.account.list(), sdk.account.list(offset=25, limit=25)
    assert (len(first.data), len(second.data), first.total_count) == (25, 5, 30)
    assert not {each.id for each in first.data} & {each.id for each in second.data}


def test_a_list_filter_finds_by_name(sdk: lightfield.Lightfield, sandbox: Sandbox) -> None:
    key = some_id(sandbox)
    name = sandbox.profile("lightfield", key)["$name"]
    found = sdk.account.list(extra_query={"$name[equal]": name})
    assert [each.id for each in found.data] == [key]


def test_an_update_is_returned_and_read_back(sdk: lightfield.Lightfield, sandbox: Sandbox) -> None:
    key = some_id(sandbox)
    fields = {
        "$name": "Ada Engines",
        "$website": ["https://ada.example.com"],
        "employees": 25_000_000,
        "renewalDate": datetime(2026, 3, 16, 12, tzinfo=UTC),
        "$primaryAddress": {"city": "London", "postal_code": "W1"},
        "tier": None,
    }
    updated = sdk.account.update(key, fields=fields)
    read = sdk.account.retrieve(key)
    assert updated.to_dict()["fields"] == read.to_dict()["fields"]
    assert read.fields["$name"].value == "Ada Engines"
    assert read.fields["$name"].value_type == "TEXT"
    assert read.fields["tier"].value is None
    held = sandbox.profile("lightfield", key)
    assert held["$primaryAddress"] == {"city": "London", "postalCode": "W1"}
    assert held["renewalDate"] == "2026-03-16T12:00:00.000Z"
    assert held["employees"] == 25_000_000


def test_relationships_are_added_removed_and_replaced(sdk: lightfield.Lightfield, sandbox: Sandbox) -> None:
    key = some_id(sandbox)
    contacts = [each.id for each in sdk.contact.list().data]
    member = sdk.member.list().data[0].id
    old = sandbox.relationships("lightfield")[key]["$contact"]
    relationships = {"$contact": {"add": contacts[:2], "remove": old}, "$owner": {"replace": member}}
    updated = sdk.account.update(key, relationships=relationships)
    assert updated.relationships["$owner"].values == [member]
    assert set(updated.relationships["$contact"].values) == set(contacts[:2]) - set(old)


def test_an_account_and_a_contact_can_be_created(sdk: lightfield.Lightfield, sandbox: Sandbox) -> None:
    created = sdk.account.create(fields={"$name": "New Works"}, skip_enrichment=True)
    contact = sdk.contact.create(
        fields={"$name": {"first_name": "Ada"}, "$email": ["ada@example.com"]},
        relationships={"$account": created.id},
    )
    assert sdk.account.retrieve(created.id).fields["$name"].value == "New Works"
    assert sdk.contact.retrieve(contact.id).relationships["$account"].values == [created.id]
    assert sandbox.requests("lightfield")["created"] == 2


def test_definitions_name_the_read_only_fields_and_the_options(sdk: lightfield.Lightfield) -> None:
    fields = sdk.account.definitions().field_definitions
    assert fields["$howTheyMakeMoney"].read_only
    assert not fields["$name"].read_only
    assert fields["$headcount"].type_configuration.options


def test_a_member_is_found_by_id(sdk: lightfield.Lightfield) -> None:
    member = sdk.member.list().data[0]
    assert sdk.member.retrieve(member.id).fields.email.value == member.fields.email.value


@pytest.mark.parametrize("envelope", ["wrapped", "unwrapped"])
@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"bogus": "x"}, lightfield.BadRequestError),
        ({"$accountStatus": "x"}, lightfield.BadRequestError),
        ({"$name": 7}, lightfield.BadRequestError),
        ({"$headcount": "many"}, lightfield.BadRequestError),
    ],
)
def test_a_bad_field_is_a_bad_request_and_changes_nothing(
    sdk: lightfield.Lightfield,
    sandbox: Sandbox,
    envelope: str,
    fields: dict[str, object],
    error: type[lightfield.APIStatusError],
) -> None:
    sandbox.settings("lightfield", envelope=envelope)
    key = some_id(sandbox)
    before = sandbox.profile("lightfield", key)
    with pytest.raises(error) as caught:
        sdk.account.update(key, fields={"tier": "gold", **fields})
    body = caught.value.body
    assert isinstance(body, dict)
    assert ("error" in body) == (envelope == "wrapped")
    assert body.get("error", body)["param"] == f"fields.{next(iter(fields))}"
    assert sandbox.profile("lightfield", key) == before


def test_more_than_25_links_in_a_request_are_unprocessable(
    sdk: lightfield.Lightfield, sandbox: Sandbox
) -> None:
    with pytest.raises(lightfield.UnprocessableEntityError, match="relationship_write_limit_exceeded"):
        sdk.account.update(
            some_id(sandbox), relationships={"$contact": {"add": [f"con_{n}" for n in range(26)]}}
        )


def test_an_unknown_account_is_not_found(sdk: lightfield.Lightfield) -> None:
    with pytest.raises(lightfield.NotFoundError):
        sdk.account.update("acc_nobody", fields={"$name": "x"})


def test_a_wrong_key_is_an_authentication_error(sandbox: Sandbox) -> None:
    with (
        lightfield.Lightfield(api_key="sk_lf_wrong", base_url=sandbox.url, max_retries=0) as sdk,
        pytest.raises(lightfield.AuthenticationError),
    ):
        sdk.auth.validate()


def test_a_missing_scope_is_permission_denied(sdk: lightfield.Lightfield, sandbox: Sandbox) -> None:
    sandbox.settings("lightfield", scopes=["accounts:read"])
    sdk.account.retrieve(some_id(sandbox))
    with pytest.raises(lightfield.PermissionDeniedError):
        sdk.account.update(some_id(sandbox), fields={"$name": "x"})


def test_an_exhausted_quota_is_a_rate_limit_error_with_its_headers(
    sdk: lightfield.Lightfield, sandbox: Sandbox
) -> None:
    sandbox.settings("lightfield", quota={"write": [[1, 60]]}, window="sliding")
    key = some_id(sandbox)
    sdk.account.update(key, fields={"$name": "x"})
    with pytest.raises(lightfield.RateLimitError) as caught:
        sdk.account.update(key, fields={"$name": "y"})
    headers = caught.value.response.headers
    assert 1 <= int(headers["retry-after"]) <= 60
    assert (headers["x-ratelimit-limit"], headers["x-ratelimit-remaining"]) == ("1", "0")
    assert sdk.account.retrieve(key).fields["$name"].value == "x"


def test_the_package_rides_out_faults_by_its_own_retries(sandbox: Sandbox) -> None:
    sandbox.faults("lightfield", "status", status=503, times=1)
    sandbox.faults("lightfield", "lost", times=1)
    key = sandbox.connections()["lightfield_default"]["password"]
    with lightfield.Lightfield(api_key=key, base_url=sandbox.url, max_retries=2) as sdk:
        updated = sdk.account.update(some_id(sandbox), fields={"$name": "At last"})
    assert updated.fields["$name"].value == "At last"
    assert sandbox.requests("lightfield")["by_status"] == {"503": 1, "lost": 1, "200": 1}
