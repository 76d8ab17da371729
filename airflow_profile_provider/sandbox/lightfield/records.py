"""Lightfield's records: accounts and contacts alike, created, updated, read and listed.

https://docs.lightfield.app/api/resources/account. An update changes only the fields and relationships that it
names; null clears a field. A request references at most 25 entities and changes at most 25 links.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from airflow_profile_provider.sandbox import seed
from airflow_profile_provider.sandbox.lightfield import fields as lightfield_fields
from airflow_profile_provider.sandbox.lightfield import filters as lightfield_filters
from airflow_profile_provider.sandbox.rewriting import rewritten
from airflow_profile_provider.sandbox.state import Profile, Profiles
from airflow_profile_provider.sandbox.wire import Reply, Request, json_reply

if TYPE_CHECKING:
    from airflow_profile_provider.sandbox.lightfield.api import Lightfield

MOST_LINKS = 25


class Refusal(Exception):
    """A request that is refused, with what the error says."""

    def __init__(self, status: int, code: str, message: str, param: str | None = None) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.param = status, code, message, param


def relationship(label: str, cardinality: str, kind: str) -> dict[str, Any]:
    """A relationship definition."""
    name = label.lower()
    return {
        "id": f"rd_{name}",
        "label": label,
        "description": None,
        "cardinality": cardinality,
        "objectType": kind,
    }


class Records:
    """One object type: its definitions, its records and the rules for writing them."""

    def __init__(
        self,
        vendor: Lightfield,
        plural: str,
        prefix: str,
        profiles: Profiles,
        fields: Mapping[str, Any],
        links: Mapping[str, Any],
    ) -> None:
        self.vendor, self.plural, self.prefix, self.profiles = vendor, plural, prefix, profiles
        self.fields: dict[str, dict[str, Any]] = {name: dict(each) for name, each in fields.items()}
        self.links: dict[str, dict[str, Any]] = {name: dict(each) for name, each in links.items()}
        self._made: dict[str, float] = {}
        self.read_only_links = {"$opportunity", "$task", "$note", "$meeting"} & set(self.links)

    # -- endpoints -----------------------------------------------------------------------------------------

    def definitions(self, _: Request) -> Reply:
        return json_reply(
            200,
            {
                "objectType": self.plural[:-1],
                "fieldDefinitions": self.fields,
                "relationshipDefinitions": self.links,
            },
        )

    def retrieve(self, request: Request) -> Reply:
        return json_reply(200, self.shown(self._one(request)))

    def update(self, request: Request) -> Reply:
        profile, body = self._one(request), self._body(request, {"fields", "relationships"})
        fields = self._kept_fields(body.get("fields", {}), profile)
        links = self._changed_links(profile, body.get("relationships", {}))
        ignored = self.vendor.settings["ignored_fields"]
        fields = {name: value for name, value in fields.items() if name not in ignored}
        links = {name: ids for name, ids in links.items() if name not in ignored}
        if body.get("fields") or links:
            self.profiles.change(profile, fields, self.vendor.clock.now())
        profile.links.update(links)
        self.vendor.commit()
        return json_reply(200, self.shown(profile))

    def create(self, request: Request) -> Reply:
        body = self._body(request, {"fields", "relationships", "skipEnrichment"})
        if "fields" not in body or (self.plural == "accounts" and not body["fields"].get("$name")):
            raise Refusal(400, "parameter_missing", "Required: '$name'.", "fields.$name")
        at = self.vendor.clock.now()
        profile = Profile(f"{self.prefix}{seed.token(self.vendor.random)}", created=at, updated=at)
        profile.fields = self._kept_fields(body["fields"], profile)
        bare = body.get("relationships", {})
        operations = {name: {"add": ids} for name, ids in bare.items()} if isinstance(bare, dict) else bare
        profile.links.update(self._changed_links(profile, operations))
        self._made[profile.key] = at
        self.profiles.put(profile)
        self.vendor.commit(created=True)
        return json_reply(200, self.shown(profile))

    def search(self, request: Request) -> Reply:
        """Newest first, at most 25 a page; the search index may lag behind writes."""
        limit, offset = self.page(request)
        records = [self.shown(each, self._listed(each)) for each in reversed(self._indexed())]
        found = lightfield_filters.found(records, request.pairs, self.fields, self.links)
        shown = self.vendor.page_of(found, offset, limit)
        total = self.vendor.total_of(len(found))
        return json_reply(200, {"data": shown, "object": "list", "totalCount": total})

    # -- reading -------------------------------------------------------------------------------------------

    def shown(self, profile: Profile, fields: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """A record as it is read."""
        clock = self.vendor.clock
        return {
            "id": self.vendor.settings["answers_as"] or profile.key,
            "createdAt": clock.iso(profile.created),
            "updatedAt": clock.iso(profile.updated),
            "httpLink": f"https://crm.lightfield.app/{self.plural}/{profile.key}",
            "externalId": None,
            "fields": lightfield_fields.wrapped(profile.fields if fields is None else fields, self.fields),
            "relationships": {
                name: {
                    "cardinality": each["cardinality"],
                    "objectType": each["objectType"],
                    "values": profile.links.get(name, []),
                }
                for name, each in self.links.items()
            },
        }

    def _indexed(self) -> list[Profile]:
        """The records that the search index knows: not the newest, and still some that were deleted."""
        since = self.vendor.clock.now() - self.vendor.settings["index_lag"]
        held = [each for each in self.profiles if self._made.get(each.key, since) <= since]
        if self.profiles is self.vendor.profiles:
            held += [each for at, each in self.vendor.gone.values() if at > since]
        return held

    def _listed(self, profile: Profile) -> dict[str, Any]:
        """The fields that the search index holds."""
        if profile.before and self.vendor.clock.now() - profile.before[0] < self.vendor.settings["index_lag"]:
            return profile.before[1]
        return profile.fields

    def _one(self, request: Request) -> Profile:
        profile = self.profiles.get(request.segments[2])
        if profile is None:
            kind = self.plural[:-1]
            raise Refusal(404, "", f"The {kind} '{request.segments[2]}' does not exist, or was deleted.")
        return profile

    def page(self, request: Request) -> tuple[int, int]:
        """Limit and offset of a list request."""
        try:
            limit, offset = int(request.query.get("limit", 25)), int(request.query.get("offset", 0))
        except ValueError:
            raise Refusal(400, "invalid_type", "limit and offset are integers.", "limit") from None
        if limit < 1 or offset < 0 or (limit > 25 and self.vendor.settings["over_limit"] == "refuse"):
            raise Refusal(400, "invalid_type", "limit is 1 to 25, offset at least 0.", "limit")
        return min(limit, 25), offset

    # -- writing -------------------------------------------------------------------------------------------

    def _body(self, request: Request, members: set[str]) -> dict[str, Any]:
        body = request.json_or_none
        if not isinstance(body, dict):
            raise Refusal(400, "invalid_type", "The body must be a JSON object.")
        for name in body:
            if name not in members:
                raise Refusal(400, "unknown_field", f"Unrecognized key '{name}'.", name)
        for name in ("fields", "relationships"):
            if not isinstance(body.get(name, {}), dict):
                raise Refusal(400, "invalid_type", f"'{name}' must be an object.", name)
        return body

    def _kept_fields(self, wanted: Mapping[str, Any], profile: Profile) -> dict[str, Any]:
        fields = {}
        for name, value in wanted.items():
            param = f"fields.{name}"
            definition = self.fields.get(name)
            if definition is None:
                raise Refusal(
                    400, "unknown_field", f"Unrecognized field '{name}' for '{self.plural}'.", param
                )
            if definition["readOnly"]:
                raise Refusal(400, "read_only_field", f"Field '{name}' is read-only.", param)
            try:
                labels = self.vendor.settings["labels"] == "accept"
                fields[name] = lightfield_fields.kept(definition, value, labels=labels)
            except lightfield_fields.BadValue as error:
                raise Refusal(400, "invalid_type", f"Field '{name}': {error}.", param) from None
            if definition["valueType"] == "ADDRESS" and value and self.vendor.settings["address"] == "merge":
                fields[name] = {**(profile.fields.get(name) or {}), **fields[name]}
        return self._rewritten(fields)

    def _rewritten(self, fields: dict[str, Any]) -> dict[str, Any]:
        if self.vendor.settings["rewrites"] != "tidy":
            return fields
        forms = {"EMAIL": "email", "TELEPHONE": "phone"}
        return rewritten(fields, {name: forms.get(self.fields[name]["valueType"], "") for name in fields})

    def _changed_links(self, profile: Profile, wanted: Mapping[str, Any]) -> dict[str, list[str]]:
        """The relationships after the operations; the cap counts over the whole body."""
        links, referenced, changed = {}, 0, 0
        for name, operation in wanted.items():
            self._check_operation(name, operation)
            old = profile.links.get(name, [])
            new = self._applied(name, old, operation)
            referenced += sum(len(_ids(each)) for each in operation.values())
            changed += len(set(old) ^ set(new))
            links[name] = new
        if referenced > MOST_LINKS or changed > MOST_LINKS:
            message = f"A request may reference and change at most {MOST_LINKS} links."
            raise Refusal(422, "relationship_write_limit_exceeded", message, "relationships")
        for name, operation in wanted.items():
            self._check_entities(name, operation)
        return links

    def _check_operation(self, name: str, operation: Any) -> None:
        param = f"relationships.{name}"
        if name not in self.links:
            message = f"Unrecognized relationship '{name}' for '{self.plural}'."
            raise Refusal(400, "unknown_relationship", message, param)
        if name in self.read_only_links:
            raise Refusal(400, "read_only_relationship", f"Relationship '{name}' is read-only.", param)
        if not isinstance(operation, dict) or not operation or set(operation) - {"add", "remove", "replace"}:
            raise Refusal(400, "invalid_type", "Provide one of 'add', 'remove', or 'replace'.", param)
        settings = self.vendor.settings
        if len(operation) > 1 and ("replace" in operation or settings["several_operations"] == "refuse"):
            raise Refusal(400, "invalid_type", "Provide one of 'add', 'remove', or 'replace'.", param)
        if isinstance(operation.get("replace"), list) and settings["replace_array"] == "refuse":
            raise Refusal(400, "invalid_type", "'replace' takes an entity ID or null.", param)
        for verb, ids in operation.items():
            fine = isinstance(ids, str) or (ids is None and verb == "replace")
            if not fine and not (isinstance(ids, list) and all(isinstance(each, str) for each in ids)):
                raise Refusal(400, "invalid_type", f"'{verb}' takes entity IDs.", param)

    def _applied(self, name: str, old: list[str], operation: Mapping[str, Any]) -> list[str]:
        if "replace" in operation:
            new = list(dict.fromkeys(_ids(operation["replace"])))
        else:
            gone = set(_ids(operation.get("remove")))
            kept = [each for each in old if each not in gone]
            new = list(dict.fromkeys([*kept, *_ids(operation.get("add"))]))
        if self.links[name]["cardinality"] == "HAS_ONE" and len(new) > 1:
            if len(_ids(operation.get("add") or operation.get("replace"))) > 1:
                raise Refusal(400, "invalid_type", f"'{name}' holds one entity.", f"relationships.{name}")
            new = new[-1:]
        return new

    def _check_entities(self, name: str, operation: Mapping[str, Any]) -> None:
        known = self.vendor.entities(self.links[name]["objectType"])
        for each in (*_ids(operation.get("add")), *_ids(operation.get("replace"))):
            if each not in known:
                message = f"The entity '{each}' does not exist."
                raise Refusal(422, "relationship_entity_missing", message, f"relationships.{name}")


def _ids(value: Any) -> list[str]:
    if value is None:
        return []
    return [value] if isinstance(value, str) else list(value)
