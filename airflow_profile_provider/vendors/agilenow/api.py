"""Agile.Now (eSystems): update an account, or make it.

Pages: https://docs.agilenow.io/apidocs/endpointrestapiv1accountid-7 and the OpenAPI description
Accounts 2.0.187 (github.com/agilenowdev/openapi-dev), read 2026-11-21; OAuth 2.0 client credentials:
https://docs.agilenow.io/apidocs/oauth-20-client-credentials-flow.
Limits: none published; ten requests a second is a polite default. One account a request.
Unknown: what PUT does with fields that are left out, hence ``write="merge"``; how null is taken
(``clear_with``); which alphabet a base64 id is written in (``base64``): extras of these names choose.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Literal, get_args
from urllib.parse import urlencode

from airflow_profile_provider.errors import (
    CredentialRefused,
    InvalidRecord,
    RecordRefused,
    Unanswered,
    WrongHost,
)
from airflow_profile_provider.options import require_choice
from airflow_profile_provider.records import Acknowledgement, Change
from airflow_profile_provider.values import same
from airflow_profile_provider.vendors.agilenow.creating import CreatedAccounts
from airflow_profile_provider.vendors.agilenow.reading import ROOT, Accounts, NoAccount, shown, written
from airflow_profile_provider.vendors.base import Access
from airflow_profile_provider.vendors.comparing import is_empty
from airflow_profile_provider.vendors.creating import CREATE_ATTEMPTS, Mode
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


Write = Literal["merge", "put"]


class AgileNow(CreatedAccounts):
    """Accounts of Agile.Now: PUT of a flat record, answered with the whole record.

    ``write``: "merge" lays the change over the account as it is and sends all writable fields; "put" sends
    the change alone, for servers that are known to keep what is left out.
    ``mode``: "update" changes existing accounts, "upsert" makes those that are missing, "create" makes new
    ones. Only an account with a Username or an ExternalId as its key can be made.
    """

    name = "Agile.Now"
    conn_type = "agilenow"
    depends_on = ("write_mode",)
    page = "https://docs.agilenow.io/apidocs/endpointrestapiv1accountid-7"
    host_label = "Server URL"
    login_label = "Client ID"
    secret_label = "Client secret"
    extras = frozenset({"token_url", "scope", *Accounts.readings})
    address_extras = frozenset({"token_url"})
    resource = "accounts"
    vendor_keys: ClassVar = {"Id": r"[0-9a-fA-F-]{32,36}|\d{1,20}"}
    fields_closed = True
    quota = (Rate(10, 1),)
    quota_published = False

    def __init__(self, access: Access, *, write: Write = "merge", mode: Mode = "update") -> None:
        super().__init__(access)
        self.choose_mode(mode)
        self.write_mode = require_choice("write", write, get_args(Write))
        self.requests_per_batch = 2 if write == "merge" else 1
        self.partial = write == "merge"
        self.reads_first = write == "merge"
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
        """Update the account, or make it, as the mode says."""
        (change,) = batch
        mode = self.mode_for(change)
        if mode == "create":
            return self.create(change.entire)
        return self._update(change) if mode == "update" else self._update_or_make(change)

    def _update_or_make(self, change: Change) -> Steps:
        """Make the account if there is none to update; after a lost answer, update what was perhaps made."""
        lost: Unanswered | None = None
        for _ in range(CREATE_ATTEMPTS):
            try:
                done = yield from self._update(change)
            except NoAccount:
                pass
            else:
                return replace(done, created=lost is not None)
            try:
                return (yield from self.post(change.entire))
            except Unanswered as error:
                lost = error
        try:
            done = yield from self._update(change)
        except NoAccount:
            assert lost is not None
            raise lost from None
        return replace(done, created=True)

    def _update(self, change: Change) -> Steps:
        """Read the account where the merge needs it, PUT the record, compare what comes back."""
        names_all = self.fields.keys() <= change.fields.keys() and not change.if_empty
        if self.write_mode == "put" or names_all:
            record = yield self._put(change, change.fields)
            return self.acknowledge(self.taken(change, {}, record), shown(record, change.fields))
        current = yield self._read(change)
        wanted = _unless_filled(change, current)
        if all(name in current and same(value, current[name]) for name, value in wanted.fields.items()):
            return Acknowledgement(unchanged=True)

        def laid_over(found: dict[str, Any]) -> Request:
            """Build the write anew, from what the account has become while it was not answered."""
            nonlocal current, wanted
            current, wanted = found, _unless_filled(change, found)
            return self._put(wanted, _merged(wanted, found))

        put = self._put(wanted, _merged(wanted, current))
        record = yield replace(put, renewal=Renewal(self._read(change), laid_over))
        if self.profile_of("Id", record["Id"]) != self.profile_of("Id", current["Id"]):
            raise RecordRefused(f"{self.name} answered with another account than the one that was asked for")
        return self.acknowledge(self.taken(wanted, current, record), shown(record, wanted.fields))

    def _read(self, change: Change) -> Request:
        path = self._path(change.key_type, change.key)
        return Request("GET", path, lambda answer: self._read_current(change, answer))

    def _put(self, change: Change, fields: Mapping[str, Any]) -> Request:
        path = self._path(change.key_type, change.key)
        return Request("PUT", path, lambda answer: self._read_own(change, answer), to_json(fields))

    def _read_current(self, change: Change, answer: Answer) -> dict[str, Any]:
        """Read the id and the writable fields, in the form in which PUT takes them."""
        if answer.status == 403:
            raise self.refusal(answer, 'no permission to read, which write="merge" needs: add a Read scope')
        record = self._read_own(change, answer)
        return {name: written(record.get(name)) for name in ("Id", *self.fields)}

    def _read_own(self, change: Change, answer: Answer) -> Mapping[str, Any]:
        # A change may give its account another user name.
        names = (change.key, str(change.fields.get(change.key_type, change.key)))
        return self._read_record(change.key_type, names, answer)

    def probe(self) -> Probe:
        """Get a token (the transport does) and list one account's id."""
        found: str = yield Request("GET", f"{ROOT}/Accounts?Fields=Id&PageSize=1", self._read_list)
        return found

    def _read_list(self, answer: Answer) -> str:
        if answer.status == 403:
            return 'got a token; the client may not read accounts: use write="put", or add a Read scope'
        if answer.status >= 400:
            raise self.refusal(answer, "is this the server's URL?")
        if not isinstance(answer.members.get("Data"), list):
            raise self.unexpected(answer)
        return "got a token and read the accounts"


def _unless_filled(change: Change, current: Mapping[str, Any]) -> Change:
    """Leave out of a change what is only set where the account holds nothing, if it holds something."""
    filled = {name for name in change.if_empty if not is_empty(current.get(name))}
    if filled.isdisjoint(change.fields):
        return change
    left = {name: value for name, value in change.fields.items() if name not in filled}
    return replace(change, fields=left)


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
