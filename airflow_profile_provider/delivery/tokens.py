"""The access token of vendors that issue one: fetched when it is needed, renewed before it expires."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress

from airflow_profile_provider.delivery.failures import Unreached
from airflow_profile_provider.errors import Retriable, VendorError, WrongHost
from airflow_profile_provider.vendors.base import Vendor
from airflow_profile_provider.vendors.exchange import Answer, Request, Token

_EARLY = 60.0
"""Seconds before its end that a token is renewed; a tenth of its life, if that is less."""


class NoToken(Retriable):
    """The token endpoint gave no token this time."""


class Tokens:
    """The access token that all threads share.

    ``ask`` sends the vendor's request for one, outside the quota; ``mask`` is told every token, so that logs
    hide it.
    """

    def __init__(
        self,
        vendor: Vendor,
        ask: Callable[[Request], Answer],
        mask: Callable[[str], object],
        clock: Callable[[], float],
    ) -> None:
        self._vendor = vendor
        self._request = vendor.token_request()
        self._ask = ask
        self._mask = mask
        self._clock = clock
        self._lock = threading.Lock()
        self._token = ""
        self._renew_at = 0.0

    def current(self) -> str:
        """Return a token that is still good; the empty text where the vendor issues none.

        Raises:
            NoToken: there is none this time; the request that needs it is what is tried again.
            PushStopped: the credential or the address is wrong.
        """
        if self._request is None:
            return ""
        with self._lock:
            if not self._token or self._clock() >= self._renew_at:
                token = self._fetch(self._request)
                self._mask(token.value)
                self._token = token.value
                self._renew_at = self._clock() + token.lifetime - min(_EARLY, token.lifetime / 10)
            return self._token

    def discard(self, token: str) -> bool:
        """Forget a token that was refused, so that the next request fetches another; False where none is."""
        if self._request is None:
            return False
        with self._lock:
            if self._token == token:
                self._token = ""
        return True

    def _fetch(self, request: Request) -> Token:
        try:
            answer = self._ask(request)
            failure = self._vendor.read_failure(answer)
            if isinstance(failure, Retriable):
                with suppress(VendorError):
                    request.read(answer)  # a refused credential is one, whatever the status
                raise failure
            if isinstance(failure, WrongHost) and request.named_by != "host":
                failure = WrongHost(f"{failure}; the address is that of extra {request.named_by}")
            if failure:
                raise failure
            token: Token = request.read(answer)
        except Unreached:
            raise
        except Retriable as error:
            unsent = NoToken(str(error), error.detail, after=error.after)
        else:
            return token
        raise unsent
