"""What it means that no answer came, and where to look: host, token address, proxy, certificates."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from requests import exceptions
from urllib3.exceptions import MaxRetryError, NewConnectionError

from airflow_profile_provider.delivery.bounds import Exchange, Halt
from airflow_profile_provider.delivery.routes import Route, speaks_tls
from airflow_profile_provider.errors import ConfigurationError, NoAnswer, Retriable, WrongHost

_TLS_SECONDS = 3.0
"""How long to wait for a host to say whether it speaks TLS."""
_NO_TLS = ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "PACKET_LENGTH_TOO_LONG", "RECORD_LAYER_FAILURE")
_TLS_REFUSED = ("CERTIFICATE_REQUIRED", "HANDSHAKE_FAILURE", "UNKNOWN_CA", "BAD_CERTIFICATE", "ALERT_ACCESS")


@dataclass(frozen=True)
class Address:
    """A host that is asked, without a path; how it is reached, and what of the connection names it."""

    base: str
    route: Route
    named_by: str

    @property
    def where(self) -> str:
        """What to check if the address is wrong."""
        return f"the connection's {'host and port' if self.named_by == 'host' else self.named_by}"


class Unreached(Retriable):
    """Nobody was there, and never has been; ``where`` is what to check."""

    def __init__(self, reason: str, where: str) -> None:
        super().__init__(reason)
        self.where = where


class Diagnosis:
    """Tells from an error of the connection what is wrong; it knows which hosts have ever been reached."""

    def __init__(self, vendor: str, timeout: float, halt: Halt) -> None:
        self._vendor = vendor
        self._timeout = timeout
        self._halt = halt
        self._reached: set[str] = set()
        """The addresses where somebody was there; those in `_answered` have answered in HTTP, too."""
        self._speaking_tls: set[str] = set()
        self._answered: set[str] = set()

    def reached(self, address: Address, *, answered: bool) -> None:
        """Note that somebody is there."""
        self._reached.add(address.base)
        if answered:
            self._answered.add(address.base)

    def of(self, error: Exception, exchange: Exchange, address: Address) -> Exception:
        """Return the error to raise: free of the address's path, which can hold a key."""
        base, way, where = address.base, address.route, address.where
        if wrong := _wrong_configuration(error, address):
            return wrong
        if isinstance(error, exceptions.ProxyError) and not exchange.problem:
            return self._proxy_failure(error, address)
        unreached = isinstance(_reason(error), NewConnectionError)
        unreached = unreached or isinstance(error, exceptions.ConnectTimeout)
        if unreached and not exchange.problem:
            # Not sent at all (a name that cannot be resolved included), so even a create may be repeated.
            return self._unreached(f"{self._vendor} cannot be reached at {base}", base, where)
        if isinstance(error, exceptions.SSLError) and (refused := _tls_failure(str(error), address)):
            return refused
        is_plain = base.startswith("http://") and base not in self._answered and not way.proxies
        first = base not in self._reached
        self._reached.add(base)
        asks = is_plain and first and exchange.may_want_tls and not self._halt.reason
        if asks and speaks_tls(base, min(self._timeout, _TLS_SECONDS)):
            self._speaking_tls.add(base)
        if is_plain and base in self._speaking_tls:  # whichever request found it out
            return WrongHost(f"{base} speaks TLS: write https:// in {where}")
        return self._no_answer(error, exchange, address)

    def _no_answer(self, error: Exception, exchange: Exchange, address: Address) -> NoAnswer:
        if exchange.problem:
            return NoAnswer(f"{self._vendor} {exchange.problem}")
        if isinstance(error, exceptions.Timeout):
            return NoAnswer(f"{self._vendor} did not answer within {self._timeout:g} s")
        hint = ""
        never_answered = address.base not in self._answered
        if isinstance(error, exceptions.SSLError) and never_answered and not address.route.cert:
            hint = "; perhaps it wants a client certificate (extra cert)"
        broken = "the connection broke before the answer was complete"
        return NoAnswer(f"{self._vendor}: {broken} ({type(error).__name__}){hint}")

    def _unreached(self, what: str, base: str, where: str) -> Retriable:
        """Return the error for a request that went nowhere."""
        return Retriable(what) if base in self._reached else Unreached(what, where)

    def _proxy_failure(self, error: Exception, address: Address) -> Exception:
        """Say what a proxy's refusal means, or that it is not there."""
        base, proxied_by, where = address.base, address.route.proxied_by, address.where
        original = getattr(_reason(error), "original_error", "")
        said = re.search(r"Tunnel connection failed: (\d{3})", str(original))
        proxy = f"the proxy of {proxied_by}"
        if said is None:
            return self._unreached(f"{proxy} cannot be reached", base, proxied_by)
        if said[1] == "407":
            return WrongHost(f"{proxy} answered 407: put its login into its address")
        if said[1].startswith("5") or said[1] in {"404", "408", "429"}:
            both = f"{where}, and {proxied_by}"
            return self._unreached(f"{proxy} cannot reach {base} ({said[1]})", base, both)
        return WrongHost(f"{proxy} refuses to connect to {base} ({said[1]}): check {where}")


def _wrong_configuration(error: Exception, address: Address) -> ConfigurationError | None:
    """Say what of the configuration cannot be used, if the error is about that."""
    way = address.route
    if isinstance(error, exceptions.InvalidProxyURL | exceptions.InvalidSchema) and way.proxied_by:
        return ConfigurationError(f"{way.proxied_by}: it is not a proxy that can be used")
    if isinstance(error, exceptions.InvalidURL | exceptions.InvalidSchema | UnicodeError):
        return ConfigurationError(f"{address.base!r} is not an address: correct {address.where}")
    if isinstance(error, OSError) and type(error) in (OSError, FileNotFoundError, PermissionError):
        return ConfigurationError(f"{way.trusted_by} or extra cert: its file cannot be read any more")
    return None


def _reason(error: Exception) -> Any:
    """Return what is at the bottom of an error of requests."""
    cause = error.args[0] if error.args else None
    return cause.reason if isinstance(cause, MaxRetryError) else cause


def _tls_failure(text: str, address: Address) -> WrongHost | None:
    """Say what is wrong with TLS for good, if it is."""
    base, where = address.base, address.where
    if "CERTIFICATE_VERIFY_FAILED" in text:
        trusted_by = address.route.trusted_by
        return WrongHost(f"the certificate of {base} is not trusted: check {where} and {trusted_by}")
    if any(name in text for name in _TLS_REFUSED):
        return WrongHost(f"{base} refused the TLS connection: check {where} and extra cert")
    if any(name in text for name in _NO_TLS):
        return WrongHost(f"{base} does not speak TLS: check {where}; is it http://?")
    return None
