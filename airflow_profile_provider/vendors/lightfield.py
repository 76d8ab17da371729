"""Lightfield CRM: update an account.

Pages: https://docs.lightfield.app (Update an account; Errors; Idempotency; Rate limits), read 2026-11-21,
version 2026-03-01 of the API, which is in beta.
Limits: 25 requests a second in each of Write, Read and Search; 25 links a request.
Unknown: whether one bad field refuses the whole request; how labels of options are matched.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any, ClassVar
from urllib.parse import quote

from airflow_profile_provider.errors import InvalidRecord, PushStopped, RecordRefused, Retriable, VendorError
from airflow_profile_provider.records import Acknowledgement, Change
from airflow_profile_provider.values import exact_number, json_type, plain
from airflow_profile_provider.vendor import (
    Access,
    Answer,
    Catalogue,
    Field,
    Probe,
    Rate,
    Request,
    Steps,
    Vendor,
    to_json,
)

Links = tuple[str, str, str]  # relationship, operation, id

_ADDRESS = frozenset({"street", "street2", "city", "state", "postalCode", "country", "latitude", "longitude"})
_KINDS = {
    "TEXT": "string",
    "NUMBER": "number",
    "CURRENCY": "number",
    "CHECKBOX": "boolean",
    "DATETIME": "string",
    "ADDRESS": "object",
    "FULL_NAME": "object",
    "SOCIAL_HANDLE": "string",
    "SINGLE_SELECT": "string",
    "MULTI_SELECT": "string[]",
    "MARKDOWN": "string",
    "HTML": "string",
}
_CODES = frozenset(
    (
        "bad_request unauthorized forbidden not_found conflict idempotency_conflict unsupported_media_type "
        "unprocessable_content too_many_requests unknown_field unknown_relationship "
        "referenced_resource_missing relationship_entity_missing relationship_entity_inactive "
        "relationship_write_limit_exceeded invalid_type parameter_missing invalid_configuration "
        "idempotency_key_too_long version_header ambiguous_stage_label stage_unresolved_in_pipeline "
        "unknown_pipeline enrichment_fields_not_enrichable"
    ).split()
)


class Lightfield(Vendor):
    """Accounts of a Lightfield workspace: partial updates, null clears, links by operation."""

    name = "Lightfield"
    conn_type = "lightfield"
    shaped_by = ("api_version",)
    page = "https://docs.lightfield.app/api/resources/account/methods/update"
    default_host = "https://api.lightfield.app"
    secret_label = "API key"
    extras = frozenset({"api_version"})
    keeps = "accounts"
    key_types = ("id",)
    vendor_keys: ClassVar = {"id": r"acc_\w{1,64}"}
    fields: ClassVar = {
        "$name": Field("string"),
        "$website": Field("string[]"),
        "$industry": Field("string[]"),
        "$headcount": Field("string"),
        "$lastFundingType": Field("string"),
        "$facebook": Field("string"),
        "$instagram": Field("string"),
        "$linkedIn": Field("string"),
        "$twitter": Field("string"),
        "$primaryAddress": Field("object"),
        "$howTheyMakeMoney": Field(read_only=True),
        "$accountStatus": Field(read_only=True),
    }
    relationship_writes = True
    read_only_relationships: ClassVar = frozenset({"$opportunity", "$task", "$note", "$meeting"})
    links_per_request: ClassVar = 25
    nulls = "clear"
    quota = (Rate(25, 1),)
    concurrency = 8
    idempotency_header = "Idempotency-Key"

    def __init__(self, access: Access) -> None:
        super().__init__(access)
        self.api_version = str(access.extra.get("api_version") or "2026-03-01")

    def headers(self) -> Mapping[str, str]:
        """Return the usual headers with the version that every request must name."""
        return {**super().headers(), "Lightfield-Version": self.api_version}

    # -- before sending ---------------------------------------------------------------------------------

    def write(self, known: Field, value: Any) -> Any:
        """Write dates with their offset and decimals as numbers of at most two decimals."""
        if isinstance(value, datetime):
            if value.tzinfo is None:
                raise InvalidRecord("the time has no offset; Lightfield takes ISO 8601 with one")
        elif isinstance(value, date):
            raise InvalidRecord("Lightfield has no dates without a time; send a time with its offset")
        if isinstance(value, Decimal):
            if value.is_finite() and int(value.normalize().as_tuple().exponent) < -2:
                raise InvalidRecord("has more than the two decimals that Lightfield keeps; round it first")
            value = exact_number(value)
        written = plain(value)
        if known is self.fields["$primaryAddress"] and isinstance(written, dict):
            _check_address(written)
        return written

    def check_change(self, change: Change) -> None:
        """Check the relationship operations."""
        super().check_change(change)
        for relationship, operations in change.relationships.items():
            if relationship in self.read_only_relationships:
                raise InvalidRecord(
                    f"relationship {relationship}: is read-only on accounts; change it from its other side"
                )
            _check_operations(relationship, operations)

    def catalogue_request(self) -> Request:
        """Return the request for the workspace's field definitions."""
        return Request("GET", "/v1/accounts/definitions", self._read_catalogue)

    def _read_catalogue(self, answer: Answer) -> Catalogue:
        definitions = answer.members.get("fieldDefinitions")
        if answer.status != 200 or not isinstance(definitions, dict):
            return {}
        return {
            name: Field(_KINDS.get(str(item.get("valueType")), "any"), read_only=item.get("readOnly") is True)
            for name, item in definitions.items()
            if isinstance(item, dict)
        }

    # -- the exchange -----------------------------------------------------------------------------------

    def steps(self, batch: Sequence[Change]) -> Steps:
        """POST the fields with the first links, then the other links in order."""
        (change,) = batch
        path = f"/v1/accounts/{quote(change.key, safe='')}"
        parts = list(self._bodies(change))
        for done, body in enumerate(parts):
            try:
                yield Request("POST", path, lambda answer: self._check_answer(change, answer), to_json(body))
            except RecordRefused as refused:
                if done:
                    raise RecordRefused(
                        f"{refused} in request {done + 1} of {len(parts)}: the ones before it were taken",
                        refused.detail,
                    ) from None
                raise
        return Acknowledgement()

    def _bodies(self, change: Change) -> Iterator[dict[str, Any]]:
        """Yield the bodies in order, each with as many links as a request may carry."""
        body: dict[str, Any] = {"fields": change.fields, "relationships": _cleared(change.relationships)}
        replaced: set[str] = set()  # by an earlier body: what is left of a long replace is then added
        room = self.links_per_request
        for relationship, operation, target in _links(change.relationships):
            if room == 0:
                yield _tidy(body)
                replaced |= {name for name, done in body["relationships"].items() if "replace" in done}
                body, room = {"relationships": {}}, self.links_per_request
            if operation == "replace" and relationship in replaced:
                operation = "add"
            body["relationships"].setdefault(relationship, {}).setdefault(operation, []).append(target)
            room -= 1
        yield _tidy(body)

    def _check_answer(self, change: Change, answer: Answer) -> None:
        if answer.status == 200 and isinstance(answer.members.get("id"), str):
            return
        if answer.status < 400:
            raise self.strange(answer)
        code, param, message = _error(answer)
        # What the vendor names may be a value; only what was ours is repeated.
        ours = {f"fields.{name}" for name in change.fields} | {
            f"relationships.{name}" for name in change.relationships
        }
        what = code + (f" in {param}" if param in ours else "")
        if answer.status == 409:
            raise Retriable(f"{self.name} answered 409 ({what or 'conflict'})", message)
        raise self.refusal(answer, what, message)

    def read_failure(self, answer: Answer) -> VendorError | PushStopped | None:
        """Stop for a version that the API does not know: no record would get through."""
        if answer.status == 400 and _error(answer)[0] == "version_header":
            return PushStopped(f"{self.name} refused version {self.api_version}: check api_version")
        return super().read_failure(answer)

    def probe(self) -> Probe:
        """Validate the key; an empty list of scopes means all of them."""
        scopes = yield Request("GET", "/v1/auth/validate", self._read_scopes)
        if scopes and "accounts:update" not in scopes:
            return "the API key is valid, but lacks the scope accounts:update that a push needs"
        return "the API key is valid"

    def _read_scopes(self, answer: Answer) -> list[str]:
        if answer.status >= 400:
            raise self.refusal(answer, _error(answer)[0])
        if answer.members.get("active") is not True:
            raise self.strange(answer)
        return list(answer.members.get("scopes") or [])


def _error(answer: Answer) -> tuple[str, str, str]:
    """Read code, param and message of either error envelope (wrapped in ``error`` or bare)."""
    error = answer.members.get("error", answer.members)
    if not isinstance(error, dict):
        return "", "", ""
    code = str(error.get("code") or error.get("type") or "")
    return code if code in _CODES else "", str(error.get("param") or ""), str(error.get("message") or "")


def _check_address(address: Mapping[str, Any]) -> None:
    for member, value in address.items():
        if member not in _ADDRESS:
            raise InvalidRecord(f"an address has no member {member!r}; it has {', '.join(sorted(_ADDRESS))}")
        wanted = (int, float) if member in {"latitude", "longitude"} else (str,)
        if value is not None and (not isinstance(value, wanted) or isinstance(value, bool)):
            raise InvalidRecord(f"{member} of an address must not be {json_type(value)}")


def _check_operations(relationship: str, operations: Any) -> None:
    where = f"relationship {relationship}"
    if not isinstance(operations, Mapping) or not operations:
        raise InvalidRecord(f'{where}: give an operation, such as {{"add": ["con_1"]}}')
    for operation, targets in operations.items():
        if operation not in {"add", "remove", "replace"}:
            raise InvalidRecord(f"{where}: {operation!r} is no operation; use add, remove or replace")
        if targets is None and operation == "replace":
            continue
        ids = targets if isinstance(targets, list) else [targets]
        if not all(isinstance(target, str) and target for target in ids):
            raise InvalidRecord(f"{where}: {operation} takes an id or an array of ids")
        if not ids and operation == "replace":
            raise InvalidRecord(f"{where}: an empty replace would unlink everything; null says so")
    if "replace" in operations and len(operations) > 1:
        raise InvalidRecord(f"{where}: replace stands alone; the result of a mixture is not documented")


def _links(relationships: Mapping[str, Mapping[str, Any]]) -> Iterator[Links]:
    """List every link in the order in which it is sent: replace, remove, add of each relationship."""
    for relationship, operations in relationships.items():
        for operation in ("replace", "remove", "add"):
            targets = operations.get(operation)
            ids = [targets] if isinstance(targets, str) else targets or []
            for target in ids:
                yield relationship, operation, target


def _cleared(relationships: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    return {
        name: {"replace": None}
        for name, operations in relationships.items()
        if "replace" in operations and operations["replace"] is None
    }


def _tidy(body: dict[str, Any]) -> dict[str, Any]:
    """Send a single replacement bare, as the newest page wants it; leave out what is empty."""
    for operations in body.get("relationships", {}).values():
        if isinstance(operations.get("replace"), list) and len(operations["replace"]) == 1:
            operations["replace"] = operations["replace"][0]
    return {name: part for name, part in body.items() if part}
