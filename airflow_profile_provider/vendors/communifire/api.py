"""Axero Communifire (now Axero): update a user's profile fields.

Page: "REST API: Update User Profile Fields", version 12, read 2026-11-21; bearer tokens since 9.60:
https://my.axerosolutions.com/spaces/5/axero-documentation/wiki/view/108971/transitioning-to-bearer-tokens.
Limits: none published; five requests a second is what other connectors keep to. One user a request.
Unknown: how a list is written; what an unknown label does; whether the body is JSON or a text that holds JSON
(``body``), whether values may be JSON's own (``values``), how the user name's label is spelt
(``username_label``), how a value is cleared (``clear_with``): extras of these names choose.
"""

from __future__ import annotations

from collections.abc import Collection, Generator, Mapping, Sequence
from functools import lru_cache
from typing import Any, ClassVar

from airflow_profile_provider.errors import InvalidRecord, RecordRefused, Unanswered
from airflow_profile_provider.options import require_choice
from airflow_profile_provider.records import Acknowledgement, Change
from airflow_profile_provider.values import (
    integer,
    is_number,
    json_type,
    number_text,
    plain,
    unwrapped,
)
from airflow_profile_provider.vendors.base import Access
from airflow_profile_provider.vendors.communifire.reading import Users, letters
from airflow_profile_provider.vendors.creating import CREATE_ATTEMPTS, Creates, Mode
from airflow_profile_provider.vendors.exchange import Answer, Probe, Rate, Request, Steps, to_json
from airflow_profile_provider.vendors.fields import Field, FieldInfo, field_info

_NAMED = ("Company", "Phone", "Share my profile", "Reports to")
"""Labels of the page."""
_TEXT = Field("string", type="text")
_NONE: Mapping[str, Field] = {}


class Communifire(Creates, Users):
    """Users of a Communifire site, whose fields are the labels that the site shows.

    ``mode``: "update" changes existing users, "upsert" makes those that are missing, "create" makes new ones.
    ``identifier_fields``: allow UserID, Email or Username among the fields. Identifier and fields share one
    object there, so that such a field may change who is meant.
    """

    name = "Axero Communifire"
    conn_type = "communifire"
    depends_on = ("mode",)
    page = (
        "https://my.axerosolutions.com/spaces/5/communifire-documentation/wiki/view/370/rest-api"
        " (Update User Profile Fields)"
    )
    host_label = "Site address"
    secret_label = "REST API key or Bearer token"
    extras = frozenset({"auth_scheme", *Users.readings})
    resource = "users"
    vendor_keys: ClassVar = {"UserID": r"\d{1,20}"}
    quota = (Rate(5, 1),)
    quota_published = False
    concurrency = 2

    modes: ClassVar[Mapping[Mode, str]] = {
        "update": "?AddUser=false",
        "upsert": "",
        "create": "?AddUser=true",
    }

    def __init__(self, access: Access, *, mode: Mode = "update", identifier_fields: bool = False) -> None:
        super().__init__(access)
        self.choose_mode(mode)
        self.makes_unseen = self.mode != "update"  # the answer does not say whether somebody was made
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

    def field_infos(self, catalogue: Mapping[str, Field] = _NONE) -> tuple[FieldInfo, ...]:
        """Return the identifiers, and the labels that the page names: sites have others, or rename them."""
        fixed = Field("string", type="text", read_only=not self.identifier_fields)
        named = dict.fromkeys(self.key_types, fixed) | dict.fromkeys(_NAMED, _TEXT)
        return tuple(field_info(label, known) for label, known in {**named, **catalogue}.items())

    def write(self, known: Field, value: Any) -> Any:
        """Write every value as text, as the page's sample does ("12", "false")."""
        if type(value) is str:
            return value
        value = unwrapped(value)
        if isinstance(value, Mapping | list | tuple | set | frozenset):
            raise InvalidRecord(
                f"must be a single value, not {json_type(value)}: how the site takes several is not "
                "documented"
            )
        if self.reading("values") == "json":
            return plain(value)
        if isinstance(value, bool):
            return "true" if value else "false"
        return number_text(value) if is_number(value) else plain(value)

    def sent_as_they_are(self, name: str, catalogue: Mapping[str, Field]) -> frozenset[type]:
        """Return text, which the page's sample has for every value."""
        return super().sent_as_they_are(name, catalogue) & {str}

    def clear(self, name: str) -> str | None:
        """Return the empty text, for the page knows no null; or null, as the connection says."""
        return "" if self.reading("clear_with") == "empty" else None

    def check_change(self, change: Change) -> None:
        """Refuse identifier labels among the fields, however spelt: they say whom a change is for."""
        super().check_change(change)
        for label in change.fields:
            identifier = _identifier(label)
            if identifier is None:
                continue
            if not self.identifier_fields:
                raise InvalidRecord(
                    f"field {label}: is an identifier label, which decides whose profile changes; take it "
                    "out or set identifier_fields=True"
                )
            if identifier == change.key_type:
                raise InvalidRecord(
                    f"field {label}: is the record's own key; use another key_type to change it"
                )

    def checks_names_alone(self, names: Collection[str], key_type: str) -> bool:
        """Whether that is so of all that is made by a key: labels are looked at by their names."""
        return super().checks_names_alone(names, key_type)

    def steps(self, batch: Sequence[Change]) -> Steps:
        """POST one user's fields. A create without an answer asks for an update before it creates again."""
        (change,) = batch
        mode = self.mode_for(change)
        if mode == "create":
            yield from self._create(change)
            return Acknowledgement(created=True)
        yield self._request(change, mode)
        return Acknowledgement()

    def _create(self, change: Change) -> Generator[Request, None, None]:
        """Create; where one may have been carried out already, an update shows whether somebody was made."""
        ask, lost = change.perhaps_sent, None
        for _ in range(CREATE_ATTEMPTS):
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

    def _request(self, change: Change, mode: Mode, *, repeatable: bool = True) -> Request:
        label = self.reading("username_label") if change.key_type == "Username" else change.key_type
        body = to_json({label: change.key, **change.fields})
        return Request(
            "POST",
            f"/api/users/fields{self.modes[mode]}",
            lambda answer: self._acknowledge(change, answer),
            to_json(body.decode()) if self.reading("body") == "text" else body,
            repeatable=repeatable,
        )

    def _acknowledge(self, change: Change, answer: Answer) -> None:
        """Read the envelope: IsError decides, not the status, and the id that comes back must be a user's."""
        failed = answer.members.get("IsError")
        if answer.status >= 400 or failed is True:
            message = answer.members.get("ResponseMessage")
            raise self.refusal(answer, "IsError" if failed else "", str(message or ""))
        if failed is not False:
            raise self.unexpected(answer)
        user = _user_id(answer.members.get("ResponseData"))
        if user is None:
            refused = self.refusal(answer, "no user id came back: no such user")
            refused.nobody = True
            raise refused
        if change.key_type == "UserID" and user != _user_id(change.key):
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
            raise self.unexpected(answer)
        return str(found["UserID"])


_IDENTIFIERS = {letters(label): label for label in Communifire.key_types}


@lru_cache(1000)
def _identifier(label: str) -> str | None:
    """Return the identifier that a label is a spelling of, if so."""
    return _IDENTIFIERS.get(letters(label))


def _user_id(value: Any) -> int | None:
    """Return the number that identifies a user: 12, 12.0, "12" and "0012" are one; None where it is none."""
    try:
        found = None if isinstance(value, bool) else integer(value)
    except InvalidRecord:  # no number that identifies anybody
        return None
    return found if found and found > 0 else None
