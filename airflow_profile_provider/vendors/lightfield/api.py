"""Lightfield CRM: update an account, or create it.

Pages: https://docs.lightfield.app (Update an account; Create an account; Errors; Idempotency; Rate limits),
read 2026-11-21, version 2026-03-01 of the API, which is in beta.
Limits: 25 requests a second in each of Write, Read and Search; 25 links a request.
Unknown: whether one bad field refuses the whole request; how labels of options are matched; whether a partial
address is merged; whether a request may add and remove links of one relationship, or replace them by several
(``operations``): the extra of this name chooses. A new account may be enriched by the vendor, which is
metered: the extra ``enrichment`` says whether.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, ClassVar
from urllib.parse import quote

from airflow_profile_provider.errors import InvalidRecord, PushStopped, RecordRefused, Retriable, VendorError
from airflow_profile_provider.records import Acknowledgement, Change
from airflow_profile_provider.vendors.base import Access, Taken
from airflow_profile_provider.vendors.creating import CreatesFound, Mode
from airflow_profile_provider.vendors.exchange import Answer, Probe, Rate, Request, Steps, to_json
from airflow_profile_provider.vendors.fields import Catalogue, Field
from airflow_profile_provider.vendors.lightfield.attributes import (
    REWRITTEN_TEXTS,
    attribute,
    check_options,
    labels_of,
    members,
    value_taken,
    written,
)
from airflow_profile_provider.vendors.lightfield.errors import read_error
from airflow_profile_provider.vendors.lightfield.links import check_operations, links_taken, portions
from airflow_profile_provider.vendors.lightfield.reading import PATH, Accounts, shown


class Lightfield(CreatesFound, Accounts):
    """Accounts of a Lightfield workspace: partial updates, null clears, links by operation.

    ``mode``: "update" changes existing accounts, "upsert" makes those that are missing, "create" makes new
    ones; the last two need ``match``.
    """

    name = "Lightfield"
    conn_type = "lightfield"
    depends_on = ("api_version",)
    page = "https://docs.lightfield.app/api/resources/account/methods/update"
    default_host = "https://api.lightfield.app"
    secret_label = "API key"
    readings: ClassVar = {"operations": ("several", "single"), "enrichment": ("skip", "run")}
    about_reads = frozenset({"enrichment"})
    extras = frozenset({"api_version", *readings})
    resource = "accounts"
    vendor_keys: ClassVar = {"id": r"acc_\w{1,64}"}
    relationship_writes = True
    read_only_relationships: ClassVar = frozenset({"$opportunity", "$task", "$note", "$meeting"})
    links_per_request: ClassVar = 25
    nulls = "clear"
    quota = (Rate(25, 1),)
    concurrency = 8
    idempotency_header = "Idempotency-Key"

    def __init__(self, access: Access, *, mode: Mode = "update") -> None:
        super().__init__(access)
        self.choose_mode(mode)
        self.api_version = str(access.extra.get("api_version") or "2026-03-01")

    def headers(self) -> Mapping[str, str]:
        """Return the usual headers with the version that every request must name."""
        return {**super().headers(), "Lightfield-Version": self.api_version}

    # -- before sending ---------------------------------------------------------------------------------

    def write(self, known: Field, value: Any) -> Any:
        """Write times with their offset, numbers of at most two decimals, an array where the type is one."""
        return written(known, value)

    def sent_as_they_are(self, name: str, catalogue: Mapping[str, Field]) -> frozenset[type]:
        """Return text, but for times, telephone numbers and what has listed options."""
        known = [field for field in (self.fields.get(name), catalogue.get(name)) if field]
        if any(field.options or field.type in REWRITTEN_TEXTS for field in known):
            return frozenset()
        return super().sent_as_they_are(name, catalogue) & {str}

    def check_field(self, name: str, value: Any, *, loose: bool, catalogue: Mapping[str, Field]) -> Any:
        """Check the options of a select, too, where the workspace's definitions list them."""
        taken = super().check_field(name, value, loose=loose, catalogue=catalogue)
        if name in catalogue:
            check_options(catalogue[name], taken)
        return taken

    def check_change(self, change: Change) -> None:
        """Check the relationship operations."""
        super().check_change(change)
        for relationship, operations in change.relationships.items():
            if relationship in self.read_only_relationships:
                raise InvalidRecord(
                    f"relationship {relationship}: is read-only on accounts; change it from its other side"
                )
            check_operations(relationship, operations)

    def checks_names_alone(self, names: Collection[str], key_type: str) -> bool:
        """Return True: of fields, nothing else is looked at."""
        return True

    def catalogue_request(self) -> Request:
        """Return the request for the workspace's field definitions."""
        return Request("GET", "/v1/accounts/definitions", self._read_catalogue)

    def _read_catalogue(self, answer: Answer) -> Catalogue:
        definitions = answer.members.get("fieldDefinitions")
        if answer.status != 200 or not isinstance(definitions, dict):
            return Catalogue()
        links = answer.members.get("relationshipDefinitions")
        return Catalogue(
            {name: attribute(item) for name, item in definitions.items() if isinstance(item, dict)},
            relationships=labels_of(links) if isinstance(links, dict) else (),
        )

    # -- the exchange -----------------------------------------------------------------------------------

    def steps(self, batch: Sequence[Change]) -> Steps:
        """POST the fields with the first links, then the other links in order; or make the account."""
        (change,) = batch
        if change.sought and change.sought.missing:
            return (yield from self.make(change))
        return (yield from self._update(change))

    def new_fields(self, change: Change) -> dict[str, Any]:
        """Return the fields of a new account, which must have a name."""
        fields = super().new_fields(change)
        if not fields.get("$name"):
            raise InvalidRecord("an account cannot be created without $name: give one")
        return fields

    def as_sought(self, name: str, value: str | None) -> Any:
        """Return a value as the field takes it: some take several."""
        return self.write(self.fields[name], value) if name in self.fields else value

    def make(self, change: Change) -> Steps:
        """POST the new account, whose answer a repeat gets again; then its links."""
        body: dict[str, Any] = {"fields": self.new_fields(change)}
        body |= {"skipEnrichment": True} if self.reading("enrichment") == "skip" else {}
        made = yield Request("POST", PATH, partial(self._read_made, change), to_json(body))
        warning = ""
        if change.relationships:
            links = replace(change, key=made, key_type="id", fields={}, sought=None)
            warning = (yield from self._update(links)).warning
        return Acknowledgement(created=True, made=made, warning=warning)

    def _read_made(self, change: Change, answer: Answer) -> str:
        if answer.status == 200 and isinstance(made := answer.members.get("id"), str) and made:
            return made
        if answer.status < 400:
            raise self.unexpected(answer)
        raise self._refused(change, answer)

    def _update(self, change: Change) -> Steps:
        path = f"{PATH}/{quote(change.key, safe='')}"
        parts = list(self._bodies(change))
        found: dict[str, Taken] = {}
        acknowledged = Acknowledgement()
        for done, body in enumerate(parts):
            try:
                record = yield Request("POST", path, partial(self._read_record, change), to_json(body))
                found |= _taken(body, record)
                acknowledged = self.acknowledge(found, shown(record, change.fields))
            except RecordRefused as refused:
                if done:
                    raise RecordRefused(
                        f"{refused} in request {done + 1} of {len(parts)}: the ones before it were taken",
                        refused.detail,
                    ) from None
                if len(parts) > 1:
                    refused.ignored = {}  # nor were the links taken that come after it
                raise
        return acknowledged

    def _bodies(self, change: Change) -> Iterator[dict[str, Any]]:
        """Yield the bodies in order: the first one has the fields, and each as many links as it may carry."""
        fields: Mapping[str, Any] = change.fields
        single = self.reading("operations") == "single"
        for portion in portions(change.relationships, self.links_per_request, single=single):
            yield {name: part for name, part in (("fields", fields), ("relationships", portion)) if part}
            fields = {}

    def _read_record(self, change: Change, answer: Answer) -> Mapping[str, Any]:
        if answer.status == 200 and isinstance(found := answer.members.get("id"), str):
            if self.profile_of("id", found) != self.profile_of("id", change.key):
                raise self.refusal(answer, "the answer has another account than the request")
            return answer.members
        if answer.status < 400:
            raise self.unexpected(answer)
        raise self._refused(change, answer)

    def _refused(self, change: Change, answer: Answer) -> VendorError:
        code, param, message = read_error(answer)
        # What the vendor names may be a value; only what was ours is repeated.
        ours = {f"fields.{name}" for name in change.fields} | {
            f"relationships.{name}" for name in change.relationships
        }
        what = code + (f" in {param}" if param in ours else "")
        if answer.status == 409:
            return Retriable(f"{self.name} answered 409 ({what or 'conflict'})", message)
        return self.refusal(answer, what, message)

    def read_failure(self, answer: Answer) -> VendorError | PushStopped | None:
        """Stop for a version that the API does not know: no record would get through."""
        if answer.status == 400 and read_error(answer)[0] == "version_header":
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
            raise self.refusal(answer, read_error(answer)[0])
        if answer.members.get("active") is not True:
            raise self.unexpected(answer)
        return list(answer.members.get("scopes") or [])


def _taken(body: Mapping[str, Any], record: Mapping[str, Any]) -> dict[str, Taken]:
    """Hold the account that came back against what was sent; what it does not show says nothing."""
    held, links = members(record.get("fields")), members(record.get("relationships"))
    found = {
        name: value_taken(value, held[name]) for name, value in body.get("fields", {}).items() if name in held
    }
    for name, operations in body.get("relationships", {}).items():
        if isinstance(ids := members(links.get(name)).get("values"), list):
            found[f"relationship {name}"] = links_taken(operations, ids)
    return found
