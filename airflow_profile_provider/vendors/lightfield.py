"""Lightfield CRM: update an account.

Pages: https://docs.lightfield.app (Update an account; Errors; Idempotency; Rate limits), read 2026-11-21,
version 2026-03-01 of the API, which is in beta.
Limits: 25 requests a second in each of Write, Read and Search; 25 links a request.
Unknown: whether one bad field refuses the whole request; how labels of options are matched.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import partial
from typing import Any, ClassVar
from urllib.parse import quote

from airflow_profile_provider.errors import InvalidRecord, PushStopped, RecordRefused, Retriable, VendorError
from airflow_profile_provider.records import Acknowledgement, Change
from airflow_profile_provider.values import (
    alike,
    exact_number,
    is_null,
    is_number,
    json_type,
    number_text,
    plain,
    same,
    unwrapped,
)
from airflow_profile_provider.vendors.base import Access, Vendor
from airflow_profile_provider.vendors.exchange import Answer, Probe, Rate, Request, Steps, to_json
from airflow_profile_provider.vendors.fields import Catalogue, Field

Links = tuple[str, str, str]  # relationship, operation, id

_ADDRESS = frozenset({"street", "street2", "city", "state", "postalCode", "country", "latitude", "longitude"})
_KINDS = {
    "TEXT": "string",
    "NUMBER": "number",
    "CURRENCY": "number",
    "CHECKBOX": "boolean",
    "DATETIME": "string",
    "EMAIL": "string or string[]",
    "TELEPHONE": "string[]",
    "URL": "string or string[]",
    "ADDRESS": "object",
    "FULL_NAME": "object",
    "SOCIAL_HANDLE": "string",
    "SINGLE_SELECT": "string",
    "MULTI_SELECT": "string[]",
    "MARKDOWN": "string",
    "HTML": "string",
}
_REWRITTEN = frozenset({"TELEPHONE", "URL", "SOCIAL_HANDLE", "ADDRESS", "FULL_NAME", "MARKDOWN", "HTML"})
"""Types that the vendor may keep in another form than it was given."""
_SELECTS = frozenset({"SINGLE_SELECT", "MULTI_SELECT"})
_PLACE = frozenset({"latitude", "longitude"})
_WRITTEN_NUMBER = re.compile(r"-?\d{1,3}(\.\d{1,30})?", re.ASCII)
_FULL_NAME = frozenset({"firstName", "lastName"})
_LARGEST = 2**53 - 1
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)", re.ASCII)
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


@dataclass(frozen=True, slots=True)
class Attribute(Field):
    """A field with the vendor's own name for its type; ``several``: whether it holds more than one value."""

    value_type: str = ""
    several: bool = True


class Lightfield(Vendor):
    """Accounts of a Lightfield workspace: partial updates, null clears, links by operation."""

    name = "Lightfield"
    conn_type = "lightfield"
    depends_on = ("api_version",)
    page = "https://docs.lightfield.app/api/resources/account/methods/update"
    default_host = "https://api.lightfield.app"
    secret_label = "API key"
    extras = frozenset({"api_version"})
    resource = "accounts"
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
        "$primaryAddress": Attribute("object", value_type="ADDRESS"),
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
        """Write times with their offset, numbers of at most two decimals, an array where the type is one."""
        kind = known.value_type if isinstance(known, Attribute) else ""
        if type(value) is str and kind not in {"DATETIME", "TELEPHONE"}:
            return value
        value = unwrapped(value)
        if kind == "DATETIME" or (isinstance(value, date) and known.kind != "string"):
            return _instant(value)
        if is_number(value) and not is_null(value):
            return _number(value)
        written = plain(value)
        if kind == "TELEPHONE" and isinstance(written, str):
            return [written]
        if isinstance(written, dict):
            _check_members(kind, written)
        if (
            isinstance(written, list)
            and len(written) > 1
            and isinstance(known, Attribute)
            and not known.several
        ):
            raise InvalidRecord("holds one value, not several")
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
            return Catalogue()
        links = answer.members.get("relationshipDefinitions")
        return Catalogue(
            {name: _attribute(item) for name, item in definitions.items() if isinstance(item, dict)},
            relationships=links if isinstance(links, dict) else (),
        )

    # -- the exchange -----------------------------------------------------------------------------------

    def steps(self, batch: Sequence[Change]) -> Steps:
        """POST the fields with the first links, then the other links in order."""
        (change,) = batch
        path = f"/v1/accounts/{quote(change.key, safe='')}"
        parts = list(self._bodies(change))
        warnings: list[str] = []
        for done, body in enumerate(parts):
            try:
                answered = yield Request("POST", path, partial(self._read_record, change), to_json(body))
                warnings += self._compare(body, answered)
            except RecordRefused as refused:
                if done:
                    raise RecordRefused(
                        f"{refused} in request {done + 1} of {len(parts)}: the ones before it were taken",
                        refused.detail,
                    ) from None
                raise
        return Acknowledgement(warning="; ".join(warnings))

    def _compare(self, body: Mapping[str, Any], record: Mapping[str, Any]) -> list[str]:
        """Hold the account that came back against what was sent, and return what is to be said of it.

        Raises:
            RecordRefused: it holds something else.
        """
        held = _members(record.get("fields"))
        found = {
            name: _verdict(value, held[name])
            for name, value in body.get("fields", {}).items()
            if name in held
        }
        links = _members(record.get("relationships"))
        for name, operations in body.get("relationships", {}).items():
            if isinstance(ids := _members(links.get(name)).get("values"), list):
                found[f"relationship {name}"] = _verdict_on_links(operations, ids)
        if ignored := [name for name, verdict in found.items() if verdict == "ignored"]:
            raise RecordRefused(
                f"{self.name} answered 200, but {', '.join(ignored)} was ignored by the vendor: its answer "
                "has another value"
            )
        other = [name for name, verdict in found.items() if verdict == "other"]
        return [f"{self.name} returned another value for {', '.join(other)}"] if other else []

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

    def _read_record(self, change: Change, answer: Answer) -> Mapping[str, Any]:
        if answer.status == 200 and isinstance(found := answer.members.get("id"), str):
            if self.profile_of("id", found) != self.profile_of("id", change.key):
                raise self.refusal(answer, "the answer has another account than the request")
            return answer.members
        if answer.status < 400:
            raise self.unexpected(answer)
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
            raise self.unexpected(answer)
        return list(answer.members.get("scopes") or [])


def _error(answer: Answer) -> tuple[str, str, str]:
    """Read code, param and message of either error envelope (wrapped in ``error`` or bare)."""
    error = answer.members.get("error", answer.members)
    if not isinstance(error, dict):
        return "", "", ""
    code = str(error.get("code") or error.get("type") or "")
    return code if code in _CODES else "", str(error.get("param") or ""), str(error.get("message") or "")


def _attribute(definition: Mapping[str, Any]) -> Attribute:
    value_type = str(definition.get("valueType"))
    several = _members(definition.get("typeConfiguration")).get("multipleValues") is not False
    return Attribute(
        _KINDS.get(value_type, "any"),
        read_only=definition.get("readOnly") is True,
        label=str(definition.get("label") or ""),
        value_type=value_type,
        several=several,
    )


def _instant(value: Any) -> str:
    """Write a moment as ISO 8601 with its offset; a text that is one already stays as it is."""
    if isinstance(value, str):
        text = value.strip()
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            raise InvalidRecord("is not a time in ISO 8601, such as 2026-03-16T12:00:00+00:00") from None
    elif isinstance(value, datetime):
        text, moment = "", value
    elif isinstance(value, date):
        raise InvalidRecord("Lightfield has no dates without a time; send a time with its offset")
    else:
        raise InvalidRecord(f"must be a time in ISO 8601, not {json_type(value)}")
    if moment.tzinfo is None:
        raise InvalidRecord("the time has no offset; Lightfield needs ISO 8601 with an offset")
    return text if _INSTANT.fullmatch(text) else moment.isoformat()


def _number(value: Any) -> Any:
    """Return a number as Lightfield keeps it: at most two decimals, in the range of safe integers."""
    written = number_text(value)
    if len(written.partition(".")[2].rstrip("0")) > 2:
        raise InvalidRecord("has more than the two decimals that Lightfield keeps; round it first")
    if abs(Decimal(written)) > _LARGEST:
        raise InvalidRecord("is beyond the whole numbers that Lightfield keeps (2^53 - 1)")
    return exact_number(value)


def _check_members(kind: str, value: dict[str, Any]) -> None:
    """Check the members of an address or of a full name."""
    allowed = {"ADDRESS": _ADDRESS, "FULL_NAME": _FULL_NAME}.get(kind)
    if allowed is None:
        return
    what = "an address" if kind == "ADDRESS" else "a full name"
    for member, part in value.items():
        if member not in allowed:
            raise InvalidRecord(f"{what} has no member {member!r}; it has {', '.join(sorted(allowed))}")
        if member in _PLACE and isinstance(part, str) and _WRITTEN_NUMBER.fullmatch(part):
            value[member] = exact_number(Decimal(part))  # a decimal, which `plain` writes as text
            continue
        wanted = (int, float) if member in _PLACE else (str,)
        if part is not None and (not isinstance(part, wanted) or isinstance(part, bool)):
            raise InvalidRecord(f"{member} of {what} must not be {json_type(part)}")


def _check_operations(relationship: str, operations: Any) -> None:
    where = f"relationship {relationship}"
    if not isinstance(operations, Mapping) or not operations:
        raise InvalidRecord(f'{where}: give an operation, such as {{"add": ["con_1"]}}')
    for operation, targets in operations.items():
        if operation not in {"add", "remove", "replace"}:
            raise InvalidRecord(f"{where}: {operation!r} is not an operation; use add, remove or replace")
        if targets is None and operation == "replace":
            continue
        ids = targets if isinstance(targets, list) else [targets]
        if not all(isinstance(target, str) and target for target in ids):
            raise InvalidRecord(f"{where}: {operation} takes an id or an array of ids")
        if not ids and operation == "replace":
            raise InvalidRecord(f"{where}: an empty replace would remove all links; use null for that")
    if "replace" in operations and len(operations) > 1:
        raise InvalidRecord(f"{where}: use replace alone; the result of a combination is not documented")


def _links(relationships: Mapping[str, Mapping[str, Any]]) -> Iterator[Links]:
    """List every link in the order in which it is sent: replace, remove, add of each relationship."""
    for relationship, operations in relationships.items():
        for operation in ("replace", "remove", "add"):
            for target in _ids(operations.get(operation)):
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


# -- what came back -----------------------------------------------------------------------------------------


def _members(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _verdict(sent: Any, answered: Any) -> str:
    """Say what a field that came back makes of the value that was sent.

    Returns:
        nothing, where it holds it; "other", where that may be another form of it; else "ignored".
    """
    wrapped = isinstance(answered, Mapping) and "value" in answered
    held, kind = (answered["value"], str(answered.get("valueType"))) if wrapped else (answered, "")
    if same(sent, held) or _is_held(kind, sent, held):
        return ""
    if sent is None or held is None:
        return "ignored"
    rewritten = kind in _REWRITTEN or kind not in _KINDS
    rounded = kind == "DATETIME" and _seconds_apart(sent, held) < 1
    return "other" if rewritten or rounded or alike(sent, held) else "ignored"


def _is_held(kind: str, sent: Any, held: Any) -> bool:
    """Whether an answer holds what was sent in the form that is documented for the type."""
    if kind in _SELECTS:  # reads return ids, writes may name labels
        chosen = set(sent if isinstance(sent, list) else [sent])
        ids = set(map(str, held if isinstance(held, list) else [held]))
        return (
            held is not None
            and len(ids) == len(chosen)
            and all(one in ids for one in chosen if str(one).startswith("opt_"))
        )
    if kind == "DATETIME":
        return _seconds_apart(sent, held) == 0
    if kind == "ADDRESS" and isinstance(sent, Mapping) and isinstance(held, Mapping):
        return all(same(part, held.get(name)) for name, part in sent.items())
    if isinstance(sent, str) or isinstance(held, str):  # one value, or an array of it
        return same([sent] if isinstance(sent, str) else sent, [held] if isinstance(held, str) else held)
    return False


def _seconds_apart(sent: Any, held: Any) -> float:
    """Return how far two moments lie apart; one without an offset is in UTC, as the vendor keeps them."""
    try:
        first, second = (datetime.fromisoformat(text) for text in (sent, held))
    except (TypeError, ValueError):
        return math.inf
    return abs((_in_utc(first) - _in_utc(second)).total_seconds())


def _in_utc(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _verdict_on_links(operations: Mapping[str, Any], ids: list[Any]) -> str:
    """Say what the links that came back make of the operations that were sent; as `_verdict`."""
    if "replace" in operations:
        wanted = _ids(operations["replace"])
        if len(wanted) <= 1:
            return "" if ids == wanted else "ignored"
        return "" if set(wanted) <= set(map(str, ids)) else "other"
    missing = [one for one in _ids(operations.get("add")) if one not in ids]
    left = [one for one in _ids(operations.get("remove")) if one in ids]
    return "other" if missing or left else ""


def _ids(targets: Any) -> list[str]:
    return [targets] if isinstance(targets, str) else list(targets or [])
