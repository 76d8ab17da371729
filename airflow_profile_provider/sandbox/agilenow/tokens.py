"""Agile.Now's token endpoint: OAuth2 client credentials and refresh tokens.

https://docs.agilenow.io/apidocs/oauth-20-client-credentials-flow and /oauth-20-refresh-tokens-grant. A token
lives 3599 seconds, a refresh token 90 days and for one use. The body of a wrong secret is not documented.
"""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, unquote_plus

from airflow_profile_provider.sandbox import seed
from airflow_profile_provider.sandbox.wire import Reply, Request, json_reply

if TYPE_CHECKING:
    from airflow_profile_provider.sandbox.agilenow.api import AgileNow

_REFRESH_LIFETIME = 90 * 86_400.0
_DEFAULT_SCOPE = "openid profile name"


class Tokens:
    """The tokens issued, with their end and their scopes."""

    def __init__(self, vendor: AgileNow) -> None:
        self._vendor = vendor
        self._live: dict[str, tuple[float, str]] = {}
        self._refresh: dict[str, tuple[float, str]] = {}

    def scopes_of(self, token: str | None) -> str | None:
        """The scopes of a live token, or None."""
        ends, scopes = self._live.get(token or "", (0.0, ""))
        return scopes if ends > self._vendor.clock.now() else None

    def expire_all(self) -> None:
        """Void every token."""
        self._live.clear()

    def issue(self, request: Request) -> Reply:
        """Answer a token request."""
        form = dict(parse_qsl(request.body.decode(errors="replace"), keep_blank_values=True))
        grant = form.get("grant_type")
        if grant == "refresh_token":
            return self._refreshed(request, form.get("refresh_token", ""))
        if grant != "client_credentials":
            return self._error(request, 400, "unsupported_grant_type", "The grant type is not supported.")
        login, secret = _basic(request) or (form.get("client_id"), form.get("client_secret"))
        if (login, secret) != (self._vendor.settings["login"], self._vendor.settings["password"]):
            return self.refused(request)
        scope = form.get("scope") or _DEFAULT_SCOPE
        return self._token(self._vendor.settings["client_scopes"] if scope == "*" else scope)

    def refused(self, request: Request) -> Reply:
        """The answer to a wrong secret."""
        if self._vendor.settings["wrong_secret"] == 400:
            return self._error(request, 400, "invalid_client", "The client credentials are invalid.")
        return self._error(
            request, 403, "Permission", "The client application isn't permitted to get a token."
        )

    def _refreshed(self, request: Request, token: str) -> Reply:
        ends, scopes = self._refresh.pop(token, (0.0, ""))
        if ends <= self._vendor.clock.now():
            return self._error(request, 400, "invalid_grant", "The refresh token is invalid or has expired.")
        return self._token(scopes)

    def _token(self, scopes: str) -> Reply:
        now, lifetime = self._vendor.clock.now(), self._vendor.settings["token_lifetime"]
        self._live = {name: held for name, held in self._live.items() if held[0] > now}
        access, refresh = (f"{start}{seed.token(self._vendor.random, 40)}" for start in ("eyJ0", "tGzv"))
        self._live[access] = (now + lifetime, scopes)
        self._refresh[refresh] = (now + _REFRESH_LIFETIME, scopes)
        return json_reply(
            200,
            {
                "token_type": "Bearer",
                "expires_in": int(lifetime),
                "access_token": access,
                "refresh_token": refresh,
            },
        )

    def _error(self, request: Request, status: int, name: str, description: str) -> Reply:
        document = {
            "error": name,
            "error_description": description,
            "Errors": [description],
            "Type": "/Errors/Permission" if status == 403 else "/Errors/Bad Input",
            "Title": name,
            "StatusCode": status,
            "Instance": request.raw_path,
        }
        return json_reply(status, document)


def _basic(request: Request) -> tuple[str, str] | None:
    """Client id and secret of an ``Authorization: Basic`` header."""
    scheme, _, text = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        login, _, secret = base64.b64decode(text).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return unquote_plus(login), unquote_plus(secret)
