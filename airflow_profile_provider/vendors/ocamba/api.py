"""Ocamba Hood: update a profile.

Page: https://docs.ocamba.com/api/hood/v1.0/reference/update-profiles-by_id, read 2026-11-21.
Limits: 10 requests a second and 150 a minute per account, in fixed windows; one profile a request.
Unknown: whether ``lists`` and ``custom_properties`` replace or add; how null is taken (``clear_with``). Two
generations of the page differ on ``custom_properties`` (an object, or a text that holds one) and
``organization_id`` (a text, or an integer). Extras of these names
choose. Another extra, ``bulk``, has custom properties imported many at a time.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar
from urllib.parse import quote

from airflow_profile_provider.records import Acknowledgement, Change
from airflow_profile_provider.values import integer, is_number, plain
from airflow_profile_provider.vendors.base import Access
from airflow_profile_provider.vendors.exchange import Answer, Probe, Rate, Request, Steps, to_json
from airflow_profile_provider.vendors.fields import Field
from airflow_profile_provider.vendors.ocamba.importing import MOST_PROFILES, import_steps
from airflow_profile_provider.vendors.ocamba.reading import PATH, Profiles


class Ocamba(Profiles):
    """The profile API of Ocamba Hood: a PATCH of seven fields, answered 204 without a body."""

    name = "Ocamba Hood"
    conn_type = "ocamba"
    page = "https://docs.ocamba.com/api/hood/v1.0/reference/update-profiles-by_id"
    default_host = "https://api.ocamba.com"
    secret_label = "API token"
    extras = frozenset(Profiles.readings)
    vendor_keys: ClassVar = {"id": r"\d{1,20}"}
    fields_closed = True
    quota = (Rate(10, 1), Rate(150, 60))

    def __init__(self, access: Access) -> None:
        super().__init__(access)
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
        path = f"{PATH}/{quote(change.key, safe='')}"
        yield Request("PATCH", path, self._expect_204, to_json(self._body(change)))
        return Acknowledgement()

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
