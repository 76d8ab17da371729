"""Lightfield, from its page "Update an account". It shows no error, so both known envelopes are here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from .server import Reply, Seen, StandIn

PATH = "/v1/accounts/"
VERSION = "2026-03-01"
READ_ONLY_FIELDS = {"$howTheyMakeMoney", "$accountStatus"}
READ_ONLY_RELATIONSHIPS = {"$opportunity", "$task", "$note"}
LISTS = {"$industry", "$website"}
TEXTS = {"$facebook", "$headcount", "$instagram", "$lastFundingType", "$linkedIn", "$name", "$twitter"}
SYSTEM_FIELDS = LISTS | TEXTS | {"$primaryAddress"}
LINKS = 25


class Lightfield(StandIn):
    """Accounts by id; ``links`` maps an account to its relationships.

    ``wrapped``: errors come as {"error": {...}}; else the inner object comes bare.
    ``lags``: a list does not show accounts that were made so far.
    ``attributes``: slugs of custom attributes that exist.
    ``definitions``: what the definitions say of fields, by name; without, their path does not exist.
    """

    wrapped = True
    lags = False

    def __init__(self, profiles: Mapping[str, Mapping[str, Any]] | None = None) -> None:
        super().__init__(profiles)
        self.links: dict[str, dict[str, list[str]]] = {}
        self.attributes = {"tier", "score", "active"}
        self.definitions: dict[str, dict[str, Any]] = {}
        self.relationship_definitions: dict[str, dict[str, Any]] = {}
        self.replays = 0
        self._answered: dict[str, Reply] = {}

    def is_write(self, request: Seen) -> bool:
        """Whether it updates an account."""
        return request.method == "POST" and request.path.startswith(PATH)

    def is_create(self, request: Seen) -> bool:
        """Whether it makes an account, and is no repeat, whose answer is the one before."""
        repeated = request.headers.get("idempotency-key") in self._answered
        return request.method == "POST" and f"{request.path}/" == PATH and not repeated

    @property
    def made(self) -> list[str]:
        """The ids of the accounts that were made here."""
        return [key for key in self.profiles if key.startswith("acc_new")]

    def keys_of(self, request: Seen) -> list[str]:
        """The id in the path."""
        return [unquote(request.path.removeprefix(PATH))]

    def answer(self, request: Seen) -> Reply:
        """Update an account; a key that was answered before gets the same answer, and nothing is done."""
        if not self._authentic(request):
            return self._error(401, "unauthorized", "Invalid API key.")
        if request.method == "GET" and request.path == f"{PATH}definitions" and self.definitions:
            fields = {name: {"readOnly": False, **each} for name, each in self.definitions.items()}
            return Reply(
                200,
                {
                    "objectType": "account",
                    "fieldDefinitions": fields,
                    "relationshipDefinitions": self.relationship_definitions,
                },
            )
        if request.method == "GET" and request.path == "/v1/accounts":
            return self._list(request)
        if request.method == "GET" and "/" not in request.path.removeprefix(PATH):
            return self._retrieve(self.keys_of(request)[0])
        makes = request.method == "POST" and f"{request.path}/" == PATH
        if not (makes or (self.is_write(request) and "/" not in request.path.removeprefix(PATH))):
            return self._error(404, "not_found", "No such route.")
        if request.headers.get("lightfield-version") != VERSION:
            return self._error(400, "bad_request", "The version header is missing.", "version_header")
        if request.headers.get("content-type", "").split(";")[0] != "application/json":
            return self._error(415, "unsupported_media_type", "Send JSON.")
        key = request.headers.get("idempotency-key")
        if key in self._answered:
            self.replays += 1
            return self._answered[key]
        body = request.json
        reply = self._create(body) if makes else self._update(self.keys_of(request)[0], body)
        if key and reply.status == 200:
            self._answered[key] = reply
        return reply

    def _retrieve(self, key: str) -> Reply:
        if key == "definitions" or key not in self.profiles:
            return self._error(404, "not_found", "The account does not exist, or was deleted.")
        return Reply(200, self._record(key))

    def _list(self, request: Seen) -> Reply:
        """Newest first, 25 a page at the most; one filter, with or without its operator."""
        limit, offset = int(request.query.get("limit", 25)), int(request.query.get("offset", 0))
        if not 1 <= limit <= 25:
            return self._error(400, "bad_request", "limit is 1 to 25.", "invalid_type")
        keys = [key for key in reversed(self.profiles) if not (self.lags and key in self.made)]
        for name, wanted in request.query.items():
            field, _, operator = name.partition("[")
            if name in {"limit", "offset", "status"}:
                continue
            values = {key: self.profiles[key].get(field) for key in keys}
            keys = [key for key in keys if _found(values[key], operator.rstrip("]"), wanted)]
        data = [self._record(key) for key in keys[offset : offset + limit]]
        return Reply(200, {"data": data, "object": "list", "totalCount": len(keys)})

    def probe(self, request: Seen) -> Reply | None:
        """What the key may do, which newer pages offer."""
        if request.path != "/v1/auth/validate" or not self._authentic(request):
            return None
        return Reply(200, {"active": True, "tokenType": "api_key", "scopes": ["accounts:update"]})

    def _authentic(self, request: Seen) -> bool:
        return request.headers.get("authorization") == f"Bearer {self.secret}"

    def _create(self, body: Any) -> Reply:
        if not isinstance(body, dict) or set(body) - {"fields", "relationships", "skipEnrichment"}:
            return self._error(400, "bad_request", "Unrecognized body.", "invalid_type")
        fields = body.get("fields", {})
        if not fields.get("$name"):
            return self._error(400, "bad_request", "'$name' is required.", "required_field", "fields.$name")
        if refusal := self._refuse_fields(fields):
            return refusal
        key = f"acc_new{len(self.profiles):04d}"
        self.profiles[key] = dict(fields)
        return Reply(200, self._record(key))

    def _update(self, key: str, body: Any) -> Reply:
        if key not in self.profiles:
            return self._error(404, "not_found", "The account does not exist, or was deleted.")
        if not isinstance(body, dict) or set(body) - {"fields", "relationships"}:
            return self._error(400, "bad_request", "Unrecognized body.", "invalid_type")
        fields, relationships = body.get("fields", {}), body.get("relationships", {})
        refusal = self._refuse_fields(fields) or self._refuse_relationships(relationships)
        if refusal:
            return refusal
        own = self.profiles[key]
        own.update({name: value for name, value in fields.items() if value is not None})
        for name in [name for name, value in fields.items() if value is None]:
            own.pop(name, None)
        for name, operations in relationships.items():
            self._link(key, name, operations)
        return Reply(200, self._record(key))

    def _refuse_fields(self, fields: Mapping[str, Any]) -> Reply | None:
        for name, value in fields.items():
            if name in READ_ONLY_FIELDS:
                text = f"'{name}' is read-only."
                return self._error(400, "bad_request", text, "invalid_type", f"fields.{name}")
            if name not in SYSTEM_FIELDS | self.attributes | set(self.definitions):
                text = f"Unrecognized field '{name}' for 'accounts'."
                return self._error(400, "bad_request", text, "unknown_field", f"fields.{name}")
            shape = list if name in LISTS else str if name in TEXTS else object
            if value is not None and not isinstance(value, shape):
                text = f"'{value}' has the wrong type."
                return self._error(400, "bad_request", text, "invalid_type", f"fields.{name}")
        return None

    def _refuse_relationships(self, relationships: Mapping[str, Any]) -> Reply | None:
        links = 0
        for name, operations in relationships.items():
            if name in READ_ONLY_RELATIONSHIPS or set(operations) - {"add", "remove", "replace"}:
                return self._error(400, "bad_request", f"'{name}' cannot be written.", "unknown_relationship")
            links += sum(len(_ids(value)) for value in operations.values())
        if links > LINKS:
            text = "At most 25 links can be changed in one request."
            return self._error(422, "unprocessable_content", text, "relationship_write_limit_exceeded")
        return None

    def _link(self, key: str, name: str, operations: Mapping[str, Any]) -> None:
        held = self.links.setdefault(key, {}).setdefault(name, [])
        if "replace" in operations:
            held[:] = _ids(operations["replace"])
        held[:] = [one for one in held if one not in _ids(operations.get("remove"))]
        held += [one for one in _ids(operations.get("add")) if one not in held]

    def _record(self, key: str) -> dict[str, Any]:
        fields = {name: {"value": value, "valueType": "TEXT"} for name, value in self.profiles[key].items()}
        relationships = {
            name: {"cardinality": "has_many", "objectType": name.removeprefix("$"), "values": values}
            for name, values in self.links.get(key, {}).items()
        }
        record = {"id": key, "createdAt": "2026-01-01T00:00:00.000Z"}
        return {**record, "fields": fields, "relationships": relationships}

    def _error(self, status: int, kind: str, text: str, code: str = "", param: str = "") -> Reply:
        error = {"type": kind, "message": text}
        error.update({name: value for name, value in (("code", code), ("param", param)) if value})
        return Reply(status, {"error": error} if self.wrapped else error)


def _found(value: Any, operator: str, wanted: str) -> bool:
    if operator == "contains" or isinstance(value, list):
        return wanted in (value or [])
    return str(value) == wanted


def _ids(value: Any) -> list[str]:
    if value is None:
        return []
    return [value] if isinstance(value, str) else list(value)
