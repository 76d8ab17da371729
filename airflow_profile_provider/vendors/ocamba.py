"""Ocamba Hood: update a profile.

Page: https://docs.ocamba.com/api/hood/v1.0/reference/update-profiles-by_id, read 2026-11-21.
Limits: 10 requests a second and 150 a minute per account, in fixed windows; one profile a request.
Unknown: whether ``lists`` and ``custom_properties`` replace or add; how null is taken.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, ClassVar
from urllib.parse import quote

from airflow_profile_provider.errors import RecordRefused
from airflow_profile_provider.records import Acknowledgement, Change
from airflow_profile_provider.values import plain
from airflow_profile_provider.vendor import Answer, Field, Probe, Rate, Request, Steps, Vendor, to_json

_KNOWN_MESSAGES = frozenset({"Unknown profile id.", "The request is not valid."})
_TRACE_ID = re.compile(r"[0-9a-fA-F-]{8,64}")


class Ocamba(Vendor):
    """The profile API of Ocamba Hood: a PATCH of seven fields, answered 204 without a body."""

    name = "Ocamba Hood"
    conn_type = "ocamba"
    page = "https://docs.ocamba.com/api/hood/v1.0/reference/update-profiles-by_id"
    default_host = "https://api.ocamba.com"
    secret_label = "API token"
    key_types = ("id",)
    vendor_keys: ClassVar = {"id": r"\d{1,20}"}
    fields: ClassVar = {
        "email": Field("string"),
        "mobile_phone_number": Field("string"),
        "full_name": Field("string"),
        "organization_id": Field("string"),
        "lists": Field("string[]"),
        "comment": Field("string"),
        "custom_properties": Field("object"),
    }
    fields_closed = True
    quota = (Rate(10, 1), Rate(150, 60))

    def write(self, known: Field, value: Any) -> Any:
        """Write ids as strings, as the page shows them; numbers elsewhere stay what they are."""
        if known is self.fields["organization_id"]:
            return _id(value)
        if known is self.fields["lists"] and isinstance(value, list | tuple | set):
            return [_id(item) for item in value]
        return plain(value)

    def steps(self, batch: Sequence[Change]) -> Steps:
        """PATCH one profile; only 204 acknowledges it."""
        (change,) = batch
        path = f"/v1/hood/profiles/{quote(change.key, safe='')}"
        yield Request("PATCH", path, self._expect_204, to_json(change.fields))
        return Acknowledgement()

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
            raise self.strange(answer)

    def _refused(self, answer: Answer) -> RecordRefused:
        message = str(answer.members.get("message", ""))
        trace = str(answer.members.get("trace_id", ""))
        known = [message.rstrip(".")] if message in _KNOWN_MESSAGES else []
        traced = [f"trace_id {trace}"] if _TRACE_ID.fullmatch(trace) else []
        return self.refusal(answer, ", ".join(known + traced))


def _id(value: Any) -> Any:
    is_integer = isinstance(value, int | Decimal) and not isinstance(value, bool)
    return str(int(value)) if is_integer and value == int(value) else plain(value)
