"""Ocamba Hood: update a profile, or create it.

Pages: https://docs.ocamba.com/api/hood/v1.0/reference/update-profiles-by_id and .../create-profiles, read
2026-11-21.
Limits: 10 requests a second and 150 a minute per account, in fixed windows; one profile a request.
Unknown: whether ``lists`` and ``custom_properties`` replace or add; how null is taken (``clear_with``). Two
generations of the page differ on ``custom_properties`` (an object, or a text that holds one) and
``organization_id`` (a text, or an integer). Extras of these names
choose. Another extra, ``bulk``, has custom properties imported many at a time.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar
from urllib.parse import quote

from airflow_profile_provider.errors import InvalidRecord, RecordRefused, Unanswered
from airflow_profile_provider.records import Acknowledgement, Change
from airflow_profile_provider.values import integer, is_number, plain
from airflow_profile_provider.vendors.base import Access
from airflow_profile_provider.vendors.creating import CREATE_ATTEMPTS, CreatesFound, Mode
from airflow_profile_provider.vendors.exchange import Answer, Probe, Rate, Request, Steps, to_json
from airflow_profile_provider.vendors.fields import Field
from airflow_profile_provider.vendors.listing import identifier
from airflow_profile_provider.vendors.ocamba.importing import MOST_PROFILES, import_steps
from airflow_profile_provider.vendors.ocamba.reading import PATH, Profiles


class Ocamba(CreatesFound, Profiles):
    """The profile API of Ocamba Hood: a PATCH of seven fields, answered 204 without a body.

    ``mode``: "update" changes existing profiles, "upsert" makes those that are missing, "create" makes new
    ones; the last two need ``match``.
    """

    name = "Ocamba Hood"
    conn_type = "ocamba"
    page = "https://docs.ocamba.com/api/hood/v1.0/reference/update-profiles-by_id"
    default_host = "https://api.ocamba.com"
    secret_label = "API token"
    extras = frozenset(Profiles.readings)
    vendor_keys: ClassVar = {"id": r"\d{1,20}"}
    fields_closed = True
    quota = (Rate(10, 1), Rate(150, 60))

    def __init__(self, access: Access, *, mode: Mode = "update") -> None:
        super().__init__(access)
        self.choose_mode(mode)
        if self.reading("bulk") == "import":
            self.batch_size = self.batch_limit = MOST_PROFILES
            self.requests_per_batch = 2  # and more, where an import takes its time

    def write(self, known: Field, value: Any) -> Any:
        """Write ids as strings, as the page shows them; numbers elsewhere stay what they are."""
        written = plain(value)
        if known is self.fields["organization_id"]:
            return _id(written)
        if known is self.fields["lists"] and isinstance(written, list):
            return [_id(item) for item in written]
        return written

    def sent_as_they_are(self, name: str, catalogue: Mapping[str, Field]) -> frozenset[type]:
        """Return text: numbers may be ids, and an account's own properties are objects."""
        return super().sent_as_they_are(name, catalogue) & {str}

    def clear(self, name: str) -> Any:
        """Return null, or what is empty of the field's type, as the connection's ``clear_with`` says."""
        if self.reading("clear_with") == "null":
            return None
        empty: dict[str, Any] = {"string[]": [], "object": {}}
        return empty.get(self.fields[name].kind, "")

    def steps(self, batch: Sequence[Change]) -> Steps:
        """PATCH one profile, which 204 alone acknowledges; with ``bulk``, import many and read the report."""
        if len(batch) > 1:
            return (yield from import_steps(batch, self._refused))
        (change,) = batch
        if change.sought and change.sought.missing:
            return (yield from self.make(change))
        path = f"{PATH}/{quote(change.key, safe='')}"
        yield Request("PATCH", path, self._expect_204, to_json(self._body(change)))
        return Acknowledgement()

    def new_fields(self, change: Change) -> dict[str, Any]:
        """Return the fields of a new profile; the page wants an e-mail address or a telephone number."""
        fields = super().new_fields(change)
        if not (fields.get("email") or fields.get("mobile_phone_number")):
            raise InvalidRecord("a profile cannot be created without email or mobile_phone_number: give one")
        return fields

    def make(self, change: Change) -> Steps:
        """POST the profile; where an answer is lost, search for it before it is sent again."""
        body = to_json(self._body(replace(change, fields=self.new_fields(change))))
        lost: Unanswered | None = None
        for _ in range(CREATE_ATTEMPTS):
            if lost and (found := (yield from self._made(change))):
                return Acknowledgement(created=True, made=found)
            try:
                made = yield Request("POST", PATH, self._read_made, body, repeatable=False)
            except Unanswered as error:
                lost = error
            else:
                return Acknowledgement(created=True, made=made)
        if found := (yield from self._made(change)):
            return Acknowledgement(created=True, made=found)
        assert lost is not None
        raise lost

    def _made(self, change: Change) -> Generator[Request, Any, str]:
        """Search for a profile that was perhaps made; return its id, or nothing."""
        assert change.sought is not None
        held = yield from self.find(change.sought.by, change.sought.value, "id")
        if len(held) > 1:
            raise RecordRefused(f"matches {len(held)} profiles, by {change.sought.by}")
        return held[0].key if held else ""

    def _read_made(self, answer: Answer) -> str:
        """Read the new profile's id; one generation of the page answers 201 without a body."""
        if answer.status >= 400:
            raise self._refused(answer)
        made = identifier(answer.members.get("id"))
        if answer.status not in {200, 201} or not (made or (answer.status == 201 and not answer.content)):
            raise self.unexpected(answer)
        return made

    def _body(self, change: Change) -> dict[str, Any]:
        body = dict(change.fields)
        properties, organization = body.get("custom_properties"), str(body.get("organization_id") or "")
        if properties is not None and self.reading("custom_properties") == "text":
            body["custom_properties"] = to_json(properties).decode()
        if self.reading("organization_id") == "integer" and organization.isascii() and organization.isdigit():
            body["organization_id"] = int(organization)
        return body

    def probe(self) -> Probe:
        """Ask whether the token is valid; 204 proves it, but no right to Hood.

        See https://docs.ocamba.com/api/core/v2.0/reference/create-personal-api-keys-validate.
        """
        yield Request("POST", "/v2/ocamba/personal-api-keys/validate", self._expect_204)
        return "the API token is valid"

    def _expect_204(self, answer: Answer) -> None:
        if answer.status >= 400:
            raise self._refused(answer)
        if answer.status != 204:
            raise self.unexpected(answer)


def _id(written: Any) -> Any:
    whole = integer(written) if is_number(written) else None
    return written if whole is None else str(whole)
