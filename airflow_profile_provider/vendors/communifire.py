"""Axero Communifire (now Axero): update a user's profile fields.

Page: "REST API: Update User Profile Fields", version 12, read 2026-11-21; bearer tokens since 9.60:
https://my.axerosolutions.com/spaces/5/axero-documentation/wiki/view/108971/transitioning-to-bearer-tokens.
Limits: none published; five requests a second is what other connectors keep to. One user a request.
Unknown: how a list or a cleared value is written; what an unknown label does.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any, ClassVar

from airflow_profile_provider.errors import InvalidRecord, RecordRefused, Unanswered
from airflow_profile_provider.records import Acknowledgement, Change
from airflow_profile_provider.values import json_type, plain
from airflow_profile_provider.vendor import (
    Access,
    Answer,
    Field,
    Probe,
    Rate,
    Request,
    Steps,
    Vendor,
    require_choice,
    to_json,
)


class Communifire(Vendor):
    """Users of a Communifire site, whose fields are the labels that the site shows.

    ``mode``: "update" changes existing users, "upsert" makes those that are missing, "create" makes new ones.
    ``identifier_fields``: allow UserID, Email or Username among the fields. Identifier and fields share one
    object there, so that such a field may change who is meant.
    """

    name = "Axero Communifire"
    conn_type = "communifire"
    shaped_by = ("mode",)
    page = (
        "https://my.axerosolutions.com/spaces/5/communifire-documentation/wiki/view/370/rest-api"
        " (Update User Profile Fields)"
    )
    host_label = "Site address"
    secret_label = "REST API key or Bearer token"
    extras = frozenset({"auth_scheme"})
    keeps = "users"
    key_types = ("UserID", "Email", "Username")
    vendor_keys: ClassVar = {"UserID": r"\d{1,20}"}
    quota = (Rate(5, 1),)
    quota_published = False
    concurrency = 2

    modes: ClassVar[Mapping[str, str]] = {
        "update": "?AddUser=false",
        "upsert": "",
        "create": "?AddUser=true",
    }

    create_attempts: ClassVar = 3

    def __init__(self, access: Access, *, mode: str = "update", identifier_fields: bool = False) -> None:
        super().__init__(access)
        self.mode = require_choice("mode", mode, tuple(self.modes))
        self.identifier_fields = identifier_fields
        scheme = access.extra.get("auth_scheme") or "api_key"
        self.auth_scheme = require_choice("the connection's auth_scheme", scheme, ("api_key", "bearer"))

    @property
    def site(self) -> str:
        """Return the intranet itself: it serves its API, too."""
        return self.access.host

    def credential(self, token: str) -> Mapping[str, str]:
        """Return the legacy key's own header, or the bearer token's."""
        if self.auth_scheme == "bearer":
            return super().credential(token)
        return {"Rest-API-Key": self.access.secret}

    def write(self, known: Field, value: Any) -> str:
        """Write every value as text, as the page's sample does ("12", "false")."""
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, str | int | float | Decimal | date) or hasattr(value, "tolist"):
            return str(plain(value))
        raise InvalidRecord(
            f"must be a single value, not {json_type(value)}: how the site takes several is not documented"
        )

    def clear(self, name: str) -> str:
        """Return the empty text: the page knows no null."""
        return ""

    def check_change(self, change: Change) -> None:
        """Refuse identifier labels among the fields: they would say whom the change is for."""
        super().check_change(change)
        for label in self.key_types:
            if label not in change.fields:
                continue
            if not self.identifier_fields:
                raise InvalidRecord(
                    f"field {label}: is an identifier label, which decides whose profile changes; take it "
                    "out or set identifier_fields=True"
                )
            if label == change.key_type:
                raise InvalidRecord(
                    f"field {label}: is the record's own key; use another key_type to change it"
                )

    def steps(self, batch: Sequence[Change]) -> Steps:
        """POST one user's fields. A create without an answer asks for an update before it creates again."""
        (change,) = batch
        if self.mode == "create":
            yield from self._create(change)
            return Acknowledgement(created=True)
        yield self._request(change, self.mode)
        return Acknowledgement()

    def _create(self, change: Change) -> Generator[Request, None, None]:
        """Create; where one may have been carried out already, an update shows whether somebody was made."""
        ask, lost = change.perhaps_sent, None
        for _ in range(self.create_attempts):
            if ask and (yield from self._is_there(change, lost)):
                return
            try:
                yield self._request(change, "create", repeatable=False)
            except Unanswered as error:
                ask, lost = True, error
            else:
                return
        if not (yield from self._is_there(change, lost)) and lost:
            raise lost

    def _is_there(self, change: Change, lost: Unanswered | None) -> Generator[Request, None, bool]:
        try:
            yield self._request(change, "update")
        except RecordRefused as refused:
            if refused.status == 403:  # no proof that nobody is there
                raise (lost or refused) from None
            return False
        return True

    def _request(self, change: Change, mode: str, *, repeatable: bool = True) -> Request:
        body = {change.key_type: change.key, **change.fields}
        return Request(
            "POST",
            f"/api/users/fields{self.modes[mode]}",
            lambda answer: self._acknowledge(change, answer),
            to_json(body),
            repeatable=repeatable,
        )

    def _acknowledge(self, change: Change, answer: Answer) -> None:
        """Read the envelope: IsError decides, not the status, and the id that comes back must be a user's."""
        failed = answer.members.get("IsError")
        if answer.status >= 400 or failed is True:
            message = answer.members.get("ResponseMessage")
            raise self.refusal(answer, "IsError" if failed else "", str(message or ""))
        if failed is not False:
            raise self.strange(answer)
        user = str(answer.members.get("ResponseData") or "")
        if user in {"", "0"}:
            raise self.refusal(answer, "no user id came back: no such user")
        if change.key_type == "UserID" and user != self.profile_of("UserID", change.key):
            raise self.refusal(answer, "the id of another user came back")

    def probe(self) -> Probe:
        """Ask who we are."""
        user = yield Request("GET", "/api/users/me", self._read_me)
        return f"connected as user {user}"

    def _read_me(self, answer: Answer) -> str:
        if answer.status >= 400:
            raise self.refusal(answer, "is this the site's address?" if answer.status == 404 else "")
        found = answer.members.get("ResponseData", answer.parsed)
        if not isinstance(found, dict) or "UserID" not in found:
            raise self.strange(answer)
        return str(found["UserID"])
