"""Agile.Now (eSystems): update an account.

Pages: https://docs.agilenow.io/apidocs/endpointrestapiv1accountid-7 and the OpenAPI description
Accounts 2.0.187 (github.com/agilenowdev/openapi-dev), read 2026-11-21; OAuth 2.0 client credentials:
https://docs.agilenow.io/apidocs/oauth-20-client-credentials-flow.
Limits: none published; ten requests a second is a polite default. One account a request.
Unknown: what PUT does with fields that are left out, hence ``write="merge"``; how null is taken
(``clear_with``); which alphabet a base64 id is written in (``base64``): extras of these names choose.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, ClassVar
from urllib.parse import quote, urlencode

from airflow_profile_provider.errors import CredentialRefused, InvalidRecord, RecordRefused, WrongHost
from airflow_profile_provider.options import require_choice
from airflow_profile_provider.records import Change
from airflow_profile_provider.values import same
from airflow_profile_provider.vendors.base import Access, Taken, Vendor
from airflow_profile_provider.vendors.exchange import (
    Answer,
    Probe,
    Rate,
    Renewal,
    Request,
    Steps,
    Token,
    to_json,
)
from airflow_profile_provider.vendors.fields import Field

_LANGUAGES = frozenset(
    (
        "ar-ae bn-IN zh-CN da-dk en-US fo-fo fi-FI fr-FR de-DE hi-IN ja-JP ko-KR ms-MY pt-PT ru-RU es-ES "
        "sv-se tr-TR ur-IN"
    ).split()
)
_DATE_FORMATS = frozenset(
    ("DD-MM-YYYY DD/MM/YYYY DD.MM.YYYY MM-DD-YYYY MM/DD/YYYY YYYY-MM-DD YYYY/MM/DD").split()
)
_TIMEZONES = frozenset(
    (
        "Afghanistan Standard Time; Alaskan Standard Time; Arab Standard Time; Arabian Standard Time; "
        "Arabic Standard Time; Argentina Standard Time; Atlantic Standard Time; AUS Central Standard "
        "Time; AUS Eastern Standard Time; Azerbaijan Standard Time; Azores Standard Time; Canada "
        "Central Standard Time; Cape Verde Standard Time; Caucasus Standard Time; Cen. Australia "
        "Standard Time; Central America Standard Time; Central Asia Standard Time; Central Brazilian "
        "Standard Time; Central Europe Standard Time; Central European Standard Time; Central Pacific "
        "Standard Time; Central Standard Time; Central Standard Time (Mexico); China Standard Time; "
        "Dateline Standard Time; E. Africa Standard Time; E. Australia Standard Time; E. Europe "
        "Standard Time; E. South America Standard Time; Eastern Standard Time; Egypt Standard Time; "
        "Ekaterinburg Standard Time; Fiji Standard Time; FLE Standard Time; Georgian Standard Time; "
        "GMT Standard Time; Greenland Standard Time; Greenwich Standard Time; GTB Standard Time; "
        "Hawaiian Standard Time; India Standard Time; Iran Standard Time; Israel Standard Time; "
        "Jordan Standard Time; Korea Standard Time; Mauritius Standard Time; Mid-Atlantic Standard "
        "Time; Middle East Standard Time; Montevideo Standard Time; Morocco Standard Time; Mountain "
        "Standard Time; Mountain Standard Time (Mexico); Myanmar Standard Time; N. Central Asia "
        "Standard Time; Namibia Standard Time; Nepal Standard Time; New Zealand Standard Time; "
        "Newfoundland Standard Time; North Asia East Standard Time; North Asia Standard Time; Pacific "
        "SA Standard Time; Pacific Standard Time; Pacific Standard Time (Mexico); Pakistan Standard "
        "Time; Romance Standard Time; Russian Standard Time; SA Eastern Standard Time; SA Pacific "
        "Standard Time; SA Western Standard Time; Samoa Standard Time; SE Asia Standard Time; "
        "Singapore Standard Time; South Africa Standard Time; Sri Lanka Standard Time; Taipei "
        "Standard Time; Tasmania Standard Time; Tokyo Standard Time; Tonga Standard Time; US Eastern "
        "Standard Time; US Mountain Standard Time; UTC; Venezuela Standard Time; Vladivostok Standard "
        "Time; W. Australia Standard Time; W. Central Africa Standard Time; W. Europe Standard Time; "
        "West Asia Standard Time; West Pacific Standard Time; Yakutsk Standard Time"
    ).split("; ")
)
_ROOT = "/Endpoint/rest/api/v1"
_PLAIN_ID = re.compile(r"[A-Za-z0-9_~-][A-Za-z0-9._~-]*")
_REFUSALS = frozenset(
    (
        "invalid_request invalid_client invalid_grant unauthorized_client unsupported_grant_type "
        "invalid_scope access_denied"
    ).split()
)
"""OAuth's errors that no repeat can help, whatever the status they come with."""
_PASSING = frozenset(("server_error", "temporarily_unavailable", "slow_down"))
_NOWHERE = frozenset((404, 405, 410, 501))
"""Answers of a server that has no token endpoint there."""
_BUSY = frozenset((408, 425, 429))
_TOKEN = re.compile(r"[\x21-\x7e]{1,16384}")
_HOUR = 3599.0
_YEAR = 366 * 86_400.0
_REQUEST_KEY = re.compile(r"[0-9a-fA-F-]{8,64}")


class AgileNow(Vendor):
    """Accounts of Agile.Now: PUT of a flat record, answered with the whole record.

    ``write``: "merge" lays the change over the account as it is and sends all writable fields; "put" sends
    the change alone, for servers that are known to keep what is left out.
    """

    name = "Agile.Now"
    conn_type = "agilenow"
    depends_on = ("write_mode",)
    page = "https://docs.agilenow.io/apidocs/endpointrestapiv1accountid-7"
    host_label = "Server URL"
    login_label = "Client ID"
    secret_label = "Client secret"
    readings: ClassVar = {"clear_with": ("empty", "null"), "base64": ("standard", "urlsafe")}
    extras = frozenset({"token_url", "scope", *readings})
    address_extras = frozenset({"token_url"})
    resource = "accounts"
    key_types = ("Id", "Username", "ExternalId")
    vendor_keys: ClassVar = {"Id": r"[0-9a-fA-F-]{32,36}|\d{1,20}"}
    fields: ClassVar = {
        "Name": Field("string"),
        "FirstName": Field("string"),
        "LastName": Field("string"),
        "Phone": Field("string"),
        "Email": Field("string"),
        "Identifier": Field("string"),
        "IdentifierVerified": Field("boolean"),
        "LanguageId": Field("string", choices=_LANGUAGES),
        "TimezoneId": Field("string", choices=_TIMEZONES),
        "DateFormatId": Field("string", choices=_DATE_FORMATS),
        "Username": Field("string"),
        "ExternalId": Field("string"),
        "NotifyByEmail": Field("boolean"),
        "NotifyBySMS": Field("boolean"),
        "Is_Active": Field("boolean"),
    }
    fields_closed = True
    quota = (Rate(10, 1),)
    quota_published = False

    def __init__(self, access: Access, *, write: str = "merge") -> None:
        super().__init__(access)
        self.write_mode = require_choice("write", write, ("merge", "put"))
        self.requests_per_batch = 2 if write == "merge" else 1
        self.partial = write == "merge"
        self.token_url = str(access.extra.get("token_url") or f"{access.host}/oAuth/rest/v2/Token")
        self.scope = str(access.extra.get("scope") or "*")

    # -- the token --------------------------------------------------------------------------------------

    def token_request(self) -> Request:
        """Return the client-credentials request; the secret goes in the form, URL-encoded."""
        form = {
            "grant_type": "client_credentials",
            "client_id": self.access.login,
            "client_secret": self.access.secret,
            "scope": self.scope,
        }
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        return Request(
            "POST",
            self.token_url,
            self._read_token,
            urlencode(form).encode(),
            headers,
            public=True,
            named_by="token_url" if self.access.extra.get("token_url") else "host",
        )

    def _read_token(self, answer: Answer) -> Token:
        """Read the token; a life that is not given, or makes no sense, counts as the documented hour."""
        members = answer.members
        error = members.get("error")
        error = error if isinstance(error, str) else None
        refused = error in _REFUSALS or (400 <= answer.status < 500 and answer.status not in _NOWHERE | _BUSY)
        if refused or (answer.status < 400 and error is not None and error not in _PASSING):
            said = f" ({error})" if error in _REFUSALS else ""
            raise CredentialRefused(
                f"{self.name} answered {answer.status}{said} to the token request: check client id, client "
                "secret and scope"
            )
        if answer.status in _NOWHERE:
            raise WrongHost(
                f"{self.name} answered {answer.status} to the token request: check host and token_url"
            )
        value = members.get("access_token")
        if not isinstance(value, str) or not _TOKEN.fullmatch(value):
            raise self.unexpected(answer)
        return Token(value, _life(members.get("expires_in")))

    # -- before sending ---------------------------------------------------------------------------------

    def clear(self, name: str) -> str | None:
        """Return the empty text, or null: the schema knows none, and a boolean cannot be empty."""
        if self.fields[name].kind == "boolean" or self.fields[name].choices:
            raise InvalidRecord("cannot be cleared: it is one of a fixed set of values")
        return "" if self.reading("clear_with") == "empty" else None

    # -- the exchange -----------------------------------------------------------------------------------

    def steps(self, batch: Sequence[Change]) -> Steps:
        """Read the account where the merge needs it, PUT the record, compare what comes back."""
        (change,) = batch
        if self.write_mode == "put" or self.fields.keys() <= change.fields.keys():
            record = yield self._put(change, change.fields)
            return self.acknowledge(_taken(change, {}, record))
        current = yield self._read(change)

        def laid_over(found: dict[str, Any]) -> Request:
            """Build the write anew, from what the account has become while it was not answered."""
            nonlocal current
            current = found
            return self._put(change, _merged(change, found))

        put = self._put(change, _merged(change, current))
        record = yield replace(put, renewal=Renewal(self._read(change), laid_over))
        if self.profile_of("Id", record["Id"]) != self.profile_of("Id", current["Id"]):
            raise RecordRefused(f"{self.name} answered with another account than the one that was asked for")
        return self.acknowledge(_taken(change, current, record))

    def _read(self, change: Change) -> Request:
        return Request("GET", self._path(change), lambda answer: self._read_current(change, answer))

    def _put(self, change: Change, fields: Mapping[str, Any]) -> Request:
        return Request(
            "PUT", self._path(change), lambda answer: self._read_record(change, answer), to_json(fields)
        )

    def _path(self, change: Change) -> str:
        """Return the account's address; what a path cannot hold goes in as base64."""
        key = change.key
        if not _PLAIN_ID.fullmatch(key):
            encode = base64.b64encode if self.reading("base64") == "standard" else base64.urlsafe_b64encode
            key = "base64|" + encode(key.encode()).decode()
        name = "" if change.key_type == "Id" else f"?Name={change.key_type}"
        return f"{_ROOT}/Account/{quote(key, safe='')}{name}"

    def _read_current(self, change: Change, answer: Answer) -> dict[str, Any]:
        """Read the id and the writable fields, in the form in which PUT takes them."""
        if answer.status == 403:
            raise self.refusal(answer, 'no permission to read, which write="merge" needs: add a Read scope')
        record = self._read_record(change, answer)
        return {name: _written(record.get(name)) for name in ("Id", *self.fields)}

    def _read_record(self, change: Change, answer: Answer) -> Mapping[str, Any]:
        if answer.status >= 400:
            raise self._refused(answer)
        record = answer.members
        if answer.status != 200 or not isinstance(record.get("Id"), str):
            raise self.unexpected(answer)
        found = record.get(change.key_type)
        # A change may give its account another user name.
        named = (change.key, str(change.fields.get(change.key_type, change.key)))
        same_key = partial(self.profile_of, change.key_type)
        if found is not None and same_key(str(found)) not in map(same_key, named):
            raise self.refusal(
                answer, f"its answer is another account's: the {change.key_type} is not the key"
            )
        return record

    def _refused(self, answer: Answer) -> RecordRefused:
        key = str(answer.members.get("RequestKey", ""))
        hint = {403: "no permission", 404: "no such account"}.get(answer.status, "")
        what = [part for part in (hint, f"RequestKey {key}" if _REQUEST_KEY.fullmatch(key) else "") if part]
        errors = answer.members.get("Errors")
        detail = "; ".join(map(str, errors)) if isinstance(errors, list) else ""
        return self.refusal(answer, ", ".join(what), detail)

    def probe(self) -> Probe:
        """Get a token (the transport does) and list one account's id."""
        found: str = yield Request("GET", f"{_ROOT}/Accounts?Fields=Id&PageSize=1", self._read_list)
        return found

    def _read_list(self, answer: Answer) -> str:
        if answer.status == 403:
            return 'got a token; the client may not read accounts: use write="put", or add a Read scope'
        if answer.status >= 400:
            raise self.refusal(answer, "is this the server's URL?")
        if not isinstance(answer.members.get("Data"), list):
            raise self.unexpected(answer)
        return "got a token and read the accounts"


def _written(value: Any) -> Any:
    """Return a returned value as PUT takes it: foreign keys come back as objects, go out as their Id."""
    return value.get("Id") if isinstance(value, Mapping) else value


def _taken(change: Change, current: Mapping[str, Any], record: Mapping[str, Any]) -> dict[str, Taken]:
    """Hold what came back against what was sent, and against what was there before, where that was read."""
    found: dict[str, Taken] = {}
    for name, value in change.fields.items():
        held = _written(record.get(name))
        if not same(value, held):
            found[name] = "ignored" if name in current and same(held, current[name]) else "other"
    return found


def _merged(change: Change, current: Mapping[str, Any]) -> dict[str, Any]:
    """Lay a change over the account as it is.

    What is empty is left out: every server leaves or makes it empty, and some want it unique. A verification
    is of the identifier that was; a new one is not verified.
    """
    kept = {name: value for name, value in current.items() if name != "Id" and value not in (None, "")}
    identifier = change.fields.get("Identifier", current.get("Identifier"))
    if kept.get("IdentifierVerified") and not same(identifier, current.get("Identifier")):
        kept["IdentifierVerified"] = False
    return {**kept, **change.fields}


def _life(value: Any) -> float:
    """Return a token's life in seconds, also one given as text; the documented one instead of none."""
    try:
        seconds = _HOUR if isinstance(value, bool) else float(value)
    except (ValueError, TypeError, OverflowError):
        return _HOUR
    return seconds if 1 <= seconds <= _YEAR else _HOUR
