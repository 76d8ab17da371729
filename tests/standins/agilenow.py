"""Agile.Now, from its page "Account/{Id}" (PUT) and the published OpenAPI document of the Accounts API.

An account that is made needs what every answer has, and a user name and an external id of its own.
"""

from __future__ import annotations

import base64
import binascii
import secrets
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, unquote

from .server import Reply, Seen, StandIn

TOKEN_PATH = "/oAuth/rest/v2/Token"
ACCOUNT_PATH = "/Endpoint/rest/api/v1/Account/"
CREATE_PATH = "/Endpoint/rest/api/v1/Account"
LIST_PATH = "/Endpoint/rest/api/v1/Accounts"
TEXTS = ("Name", "FirstName", "LastName", "Phone", "Email", "Identifier", "Username", "ExternalId")
FLAGS = ("IdentifierVerified", "NotifyByEmail", "NotifyBySMS", "Is_Active")
ENUMS = {  # a part of the document's values is enough here
    "LanguageId": {"en-US", "fi-FI", "fr-FR", "de-DE", "sv-se", "es-ES"},
    "TimezoneId": {"UTC", "FLE Standard Time", "GMT Standard Time", "Romance Standard Time"},
    "DateFormatId": {"DD-MM-YYYY", "DD/MM/YYYY", "DD.MM.YYYY", "MM-DD-YYYY", "MM/DD/YYYY", "YYYY-MM-DD"},
}
WRITABLE = (*TEXTS, *FLAGS, *ENUMS)
REQUIRED = ("FirstName", "LastName", "Email", "Username")
UNIQUE = ("Username", "ExternalId")


class AgileNow(StandIn):
    """Accounts by Id, as AccountUpdateData has them; answers hold the extended structure.

    ``resets``: a PUT empties the strings that it leaves out and turns its booleans off.
    ``ignores``: fields that a PUT silently leaves as they are. ``lowers``: fields stored in lower case.
    ``token_uses``: how many requests a token is good for. ``token_life``: what expires_in says.
    """

    login = "client-17"
    resets = False
    token_uses: int | None = None
    token_life = 3599

    def __init__(self, profiles: Mapping[str, Mapping[str, Any]] | None = None) -> None:
        super().__init__(profiles)
        self.ignores: set[str] = set()
        self.lowers: set[str] = set()
        self.made: list[str] = []
        self.scopes: list[str] = []
        self.stale_tokens = 0
        self._tokens: dict[str, int] = {}
        self._until: dict[str, float] = {}

    def is_write(self, request: Seen) -> bool:
        """Whether it updates an account, or makes one."""
        return request.method == "PUT" or request.path == CREATE_PATH

    def is_create(self, request: Seen) -> bool:
        """Whether it makes an account."""
        return request.path == CREATE_PATH

    def keys_of(self, request: Seen) -> list[str]:
        """The identifier in the path, decoded, or those in the body."""
        if request.path == CREATE_PATH:
            return [str(request.json[name]) for name in UNIQUE if request.json.get(name)]
        return [_identifier(request.path)]

    @property
    def token_requests(self) -> list[Seen]:
        """Requests for an access token."""
        return [request for request in self.requests if request.path == TOKEN_PATH]

    @property
    def reads(self) -> list[Seen]:
        """Reads of an account."""
        return [request for request in self.requests if request.method == "GET"]

    def answer(self, request: Seen) -> Reply:
        """Issue a token, return an account, or update one."""
        if request.path == TOKEN_PATH:
            return self._token(request)
        if request.path == LIST_PATH and request.method == "GET":
            return self._list(request)
        if request.path == CREATE_PATH and request.method == "POST":
            return self._create(request)
        segment = request.path.removeprefix(ACCOUNT_PATH)
        if segment == request.path or "/" in segment or not segment:
            return _error(404, "Not Found", "No such resource.")
        if not self._authentic(request):
            return _error(401, "Unauthorized", "The token is not known or has expired.")
        found = self._find(_identifier(request.path), request.query.get("Name") or "Id")
        if len(found) > 1:
            return _error(400, "Multible Rows", "Several accounts match.")
        if not found:
            return _error(404, "Not Found", "The record was not found.")
        if request.method == "GET":
            return Reply(200, self._extended(found[0]))
        if request.method == "PUT":
            return self._put(found[0], request.json)
        return _error(404, "Not Found", "No such method.")

    def probe(self, request: Seen) -> Reply | None:
        """The list of accounts, whose first page the API document names."""
        if request.path != LIST_PATH or not self._authentic(request):
            return None
        return Reply(200, {"Meta": {"TotalItems": len(self.profiles), "CurrentPage": 0}, "Data": []})

    def _list(self, request: Seen) -> Reply:
        """Pages from 0, 50 accounts each unless asked otherwise; one condition with an equals sign."""
        if not self._authentic(request):
            return _error(401, "Unauthorized", "The token is not known or has expired.")
        rows = [self._extended(key) for key in self.profiles]
        name, _, wanted = request.query.get("Filters", "").partition(" = ")
        rows = [row for row in rows if not name or row.get(name) == wanted]
        if request.query.get("Orders") == "Id ASC":
            rows.sort(key=lambda row: row["Id"])
        page = int(request.query.get("CurrentPage") or 0)
        size = int(request.query.get("PageSize") or 50)
        if not 1 <= size <= 1000:
            return _error(400, "Bad Input", "A page has 1 to 1000 items.")
        meta = {"TotalItems": len(rows), "CurrentPage": page, "PageSize": size, "Type": "Account"}
        asked = set(filter(None, request.query.get("Fields", "").split(",")))
        rows = [{name: row[name] for name in row if not asked or name in asked} for row in rows]
        return Reply(200, {"Meta": meta, "Data": rows[page * size : (page + 1) * size]})

    def _token(self, request: Seen) -> Reply:
        form = dict(parse_qsl(request.body.decode()))
        pair = f"{form.get('client_id')}:{form.get('client_secret')}"
        basic = request.headers.get("authorization", "")
        if basic.startswith("Basic "):
            pair = base64.b64decode(basic[6:]).decode()
        if form.get("grant_type") != "client_credentials" or request.method != "POST":
            return _error(400, "Bad Input", "The grant type is not supported.")
        if pair != f"{self.login}:{self.secret}":
            return _error(401, "Unauthorized", "The client is not known.")
        token = f"eyJ0.{secrets.token_hex(12)}"
        self.scopes.append(form.get("scope", ""))
        self._tokens[token] = 0
        self._until[token] = time.monotonic() + self.token_life
        return Reply(200, {"token_type": "Bearer", "expires_in": self.token_life, "access_token": token})

    def _authentic(self, request: Seen) -> bool:
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        if token not in self._tokens or time.monotonic() > self._until[token]:
            self.stale_tokens += 1
            return False
        self._tokens[token] += 1
        return self.token_uses is None or self._tokens[token] <= self.token_uses

    def _find(self, value: str, name: str) -> list[str]:
        if name == "Id":
            return [value] if value in self.profiles else []
        if name not in {"Username", "ExternalId"}:
            return []
        return [key for key, own in self.profiles.items() if own.get(name) == value]

    def _create(self, request: Seen) -> Reply:
        if not self._authentic(request):
            return _error(401, "Unauthorized", "The token is not known or has expired.")
        body = request.json
        if not isinstance(body, dict) or not all(_fits(name, value) for name, value in body.items()):
            return _error(400, "Bad Input", "A field or a value is not of this structure.")
        if not all(body.get(name) for name in REQUIRED):
            return _error(400, "Bad Input", "A required field is missing.")
        if any(body.get(name) and self._find(body[name], name) for name in UNIQUE):
            return _error(400, "Bad Input", "The record is not unique.")
        key = f"3ad64ab3-1111-46c5-b1d7-{len(self.made):012d}"
        self.made.append(key)
        self.profiles[key] = {name: self._stored(name, value) for name, value in body.items()}
        return Reply(200, self._extended(key))

    def _put(self, key: str, body: Any) -> Reply:
        if not isinstance(body, dict) or not all(_fits(name, value) for name, value in body.items()):
            return _error(400, "Bad Input", "A field or a value is not of this structure.")
        own = self.profiles[key]
        if self.resets:
            own.update({name: "" for name in (*TEXTS, *ENUMS) if name not in body})
            own.update({name: False for name in FLAGS if name not in body})
        for name, value in body.items():
            if name not in self.ignores:
                own[name] = self._stored(name, value)
        return Reply(200, self._extended(key))

    def _stored(self, name: str, value: Any) -> Any:
        return value.lower() if name in self.lowers else value

    def _extended(self, key: str) -> dict[str, Any]:
        own = self.profiles[key]
        texts = {name: own.get(name, "") for name in TEXTS}
        flags = {name: own.get(name, False) for name in FLAGS}
        enums = {name: {"Id": own.get(name, ""), "Type": name.removesuffix("Id")} for name in ENUMS}
        dates = {"ModifiedOn": "2026-11-21T00:00:00Z", "CreatedOn": "1900-01-01T00:00:00Z"}
        verified = {"PhoneVerified": False, "EmailVerified": False}
        tenant = {"TenantId": {"Id": 1, "Name": "Tenant"}}
        return {"Id": key, **tenant, **texts, **verified, **flags, **enums, **dates}


def _identifier(path: str) -> str:
    text = unquote(path.rsplit("/", 1)[1])
    if not text.startswith("base64|"):
        return text
    try:
        return base64.b64decode(text.removeprefix("base64|"), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return ""


def _fits(name: str, value: Any) -> bool:
    if name in ENUMS:
        return value in ENUMS[name]
    return isinstance(value, bool) if name in FLAGS else name in TEXTS and isinstance(value, str)


def _error(status: int, kind: str, text: str) -> Reply:
    return Reply(
        status,
        {
            "Errors": [text],
            "Type": f"/Errors/{kind}",
            "Title": kind,
            "StatusCode": status,
            "Instance": "/OpenApi/rest/Xzy",
            "RequestKey": secrets.token_hex(16),
        },
    )
