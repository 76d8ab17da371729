"""A connection, read and checked at once, so that one error names everything to fix."""

from __future__ import annotations

import json
import math
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from airflow.sdk.log import mask_secret

from airflow_profile_provider import options as arguments
from airflow_profile_provider.delivery.rates import parse_quota
from airflow_profile_provider.delivery.routes import address_problem, proxy_problem
from airflow_profile_provider.errors import ConfigurationError
from airflow_profile_provider.vendors.base import Access, Vendor
from airflow_profile_provider.vendors.exchange import Rate

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Connection

SHARED_EXTRAS = frozenset({"timeout", "verify", "proxies", "cert", "concurrency", "quota", "quota_conn_id"})
LONGEST_TIMEOUT = 3600.0
MOST_CONCURRENT = 1000
MOST_IN_A_BATCH = 100_000
_ANY_TYPE = frozenset({"", "http", "https", "generic"})
"""Connection types that are no vendor's, and may hold any."""
_PROXY_KEYS = frozenset({"http", "https", "all", "no_proxy"})
_WORDS = {"true": True, "1": True, "false": False, "0": False}


@dataclass(frozen=True)
class Settings:
    """What a connection says, in the types that the push needs; ``timeout`` is in seconds.

    ``proxies`` maps a scheme to a proxy's address or, where there is to be none, to the empty text.
    """

    access: Access
    timeout: float = 30.0
    verify: bool | str = True
    cert: str | tuple[str, str] | None = None
    proxies: Mapping[str, str] = field(default_factory=dict, repr=False)
    concurrency: int | None = None
    quota: tuple[Rate, ...] | None = None
    quota_conn_id: str | None = None
    ignored: tuple[str, ...] = ()

    @classmethod
    def of(cls, connection: Connection, vendor: type[Vendor], conn_type: str = "") -> Settings:
        """Read a connection for a vendor; its hook may have a ``conn_type`` of its own.

        Raises:
            ConfigurationError: naming every field that is missing or wrong.
        """
        return _Reader(connection, vendor, conn_type).read()


class _Reader:
    def __init__(self, connection: Connection, vendor: type[Vendor], conn_type: str) -> None:
        self._connection = connection
        self._vendor = vendor
        self._conn_types = _ANY_TYPE | {conn_type.lower(), vendor.conn_type}
        self._problems: list[str] = []
        self._extra = self._object()

    def read(self) -> Settings:
        vendor, extra = self._vendor, self._extra
        given = str(self._connection.conn_type or "").strip().lower()
        if given not in self._conn_types:
            raise ConfigurationError(
                f"connection {self._connection.conn_id!r} is of type {given!r}, not {vendor.conn_type!r}: "
                f"name one that is {vendor.name}'s, or give this one that type"
            )
        host = self._host()
        login = self._credential("login", vendor.login_label)
        secret = self._credential("password", vendor.secret_label)
        known = {name: text for name in sorted(vendor.extras) if (text := self._text(name)) is not None}
        known |= {name: str(number) for name in ("batch_size",) if (number := self._count(name))}
        settings = Settings(
            access=Access(host, login, secret, {n: v for n, v in known.items() if n in vendor.extras}),
            timeout=self._timeout(),
            verify=self._verify(),
            cert=self._cert(),
            proxies=self._proxies(),
            concurrency=self._count("concurrency"),
            quota=self._quota(),
            quota_conn_id=self._text("quota_conn_id"),
            ignored=tuple(sorted(set(extra) - vendor.extras - SHARED_EXTRAS)),
        )
        if self._problems:
            raise ConfigurationError(
                f"connection {self._connection.conn_id!r} ({vendor.name}): {'; '.join(self._problems)}"
            )
        return settings

    def _problem(self, text: str) -> None:
        self._problems.append(text)

    def _object(self) -> dict[str, Any]:
        """Read the extra, which must be a JSON object, and mask what is secret in it."""
        text = self._connection.extra
        if text is None or not str(text).strip():
            return {}
        try:
            found = json.loads(text) if isinstance(text, str | bytes) else text
        except (ValueError, RecursionError):
            found = ""
        if found is None:
            return {}
        if not isinstance(found, dict):
            twice = isinstance(found, str) and found.lstrip().startswith("{")
            self._problem("extra is no JSON object" + (": it is encoded twice" if twice else ""))
            return {}
        mask_secret(found)
        return found

    def _host(self) -> str:
        connection = self._connection
        host = str(connection.host or self._vendor.default_host).strip()
        what = f"host ({self._vendor.host_label})"
        if not host:
            self._problem(f"{what} is missing")
            return ""
        if "://" not in host:
            host = f"{(connection.schema or 'https').strip()}://{host}"
        try:
            parts = urlsplit(host)
            port = parts.port or int(connection.port or 0)
        except (ValueError, TypeError):
            port = -1
        if not 0 <= port < 65536:
            self._problem(f"{what} is not an address such as https://host.example.com: its port is none")
            return ""
        if problem := address_problem(host):
            self._problem(f"{what} is not an address such as https://host.example.com: {problem}")
            return ""
        name = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
        return f"{parts.scheme.lower()}://{name}" + (f":{port}" if port else "") + parts.path.rstrip("/")

    def _credential(self, where: str, label: str) -> str:
        if not label:
            return ""
        value = str(getattr(self._connection, where) or "").strip()
        if not value:
            self._problem(f"{where} ({label}) is missing")
        elif not (value.isprintable() and value.isascii()):
            self._problem(f"{where} ({label}) has characters that no credential has; copy it again")
        return value

    def _text(self, name: str) -> str | None:
        """Read an extra that is a text; a number or a boolean is one, too."""
        value = self._extra.get(name)
        if isinstance(value, bool):
            value = str(value).lower()
        if value is None or (isinstance(value, str) and not value.strip()):
            return None
        text = str(value).strip() if isinstance(value, str | int | float) else ""
        if not text or not text.isprintable() or not text.isascii():
            self._problem(f"extra {name} must be a text of plain characters")
            return None
        if name in self._vendor.address_extras and (problem := address_problem(text)):
            self._problem(f"extra {name} is not an address such as https://host.example.com/path: {problem}")
        return text

    def _timeout(self) -> float:
        value = self._extra.get("timeout")
        if value is None or (isinstance(value, str) and not value.strip()):
            return 30.0
        try:
            number = math.nan if isinstance(value, bool) else float(value)
        except (ValueError, TypeError, OverflowError):
            number = math.nan
        if not 0.001 <= number <= LONGEST_TIMEOUT:
            self._problem(f"extra timeout must be a number of seconds up to {LONGEST_TIMEOUT:g}")
        return number

    def _count(self, name: str) -> int | None:
        value = self._extra.get(name)
        if value is None or (isinstance(value, str) and not value.strip()):
            return None
        most = MOST_IN_A_BATCH if name == "batch_size" else MOST_CONCURRENT
        try:
            number = arguments.count(f"extra {name}", value)
        except ConfigurationError as error:
            self._problem(str(error))
            return None
        if number and number > most:
            self._problem(f"extra {name} must be a whole number from 1 to {most}")
        return number

    def _verify(self) -> bool | str:
        value = self._extra.get("verify")
        if value is None or isinstance(value, bool):
            return value is not False
        text = str(value).strip() if isinstance(value, str | int) else ""
        if not text and isinstance(value, str):
            return True
        if text.lower() in _WORDS:
            return _WORDS[text.lower()]
        if not text or not _readable(text):
            self._problem(
                "extra verify must be true, false or the path of a CA bundle; there is no file "
                f"{text[:200]!r} that can be read"
            )
        elif not Path(text).is_dir() and not _loads(lambda context: context.load_verify_locations(text)):
            self._problem(f"extra verify: {text!r} holds no certificates of a CA")
        return text

    def _cert(self) -> str | tuple[str, str] | None:
        value = self._extra.get("cert")
        if isinstance(value, str) and value.strip().startswith("["):
            value = _parsed(value) or {}
        if value is None or (isinstance(value, str) and not value.strip()):
            return None
        paths = [value] if isinstance(value, str) else value
        if not isinstance(paths, list | tuple) or not all(isinstance(path, str) for path in paths):
            paths = []
        paths = [path.strip() for path in paths]
        if not 1 <= len(paths) <= 2:
            self._problem("extra cert must be the path of a client certificate, or that and its key's")
            return None
        if missing := [path for path in paths if not _readable(path)]:
            self._problem(f"extra cert: there is no file {missing[0][:200]!r} that can be read")
        elif not _loads(lambda context: context.load_cert_chain(*paths, password=_no_password)):
            self._problem(f"extra cert: {paths[0]!r} is not a certificate with a key that needs no password")
        return paths[0] if len(paths) == 1 else (paths[0], paths[1])

    def _proxies(self) -> Mapping[str, str]:
        """Read the proxies; an empty object, or "none", says that there are to be none."""
        value = self._extra.get("proxies")
        if isinstance(value, str):
            text = value.strip()
            if not text:
                return {}
            value = _parsed(text) if text.startswith(("{", '"')) else {} if text == "none" else {"all": text}
        if value is None:
            return {}
        if not isinstance(value, dict):
            self._problem('extra proxies must be an object such as {"https": "http://proxy:3128"}')
            return {}
        found = {str(name).strip().lower(): address for name, address in value.items()}
        for name, address in found.items():
            if name.split("://")[0] not in _PROXY_KEYS:
                self._problem("extra proxies: its members are http, https, all and no_proxy")
            elif address not in (None, "") and name != "no_proxy" and (problem := proxy_problem(address)):
                self._problem(f"extra proxies, {name}: {problem}")
            elif not isinstance(address, str | None):
                self._problem(f"extra proxies, {name}: it is not text")
        none = {"": "", "none": ""}
        kept = {n: none.get(str(a or "").strip().lower(), str(a or "").strip()) for n, a in found.items()}
        return kept or {"all": ""}

    def _quota(self) -> tuple[Rate, ...] | None:
        value = self._extra.get("quota")
        if value is None or (isinstance(value, str) and not value.strip()):
            return None
        try:
            return parse_quota(value)
        except ConfigurationError as error:
            self._problem(f"extra {error}")
            return None


def _parsed(text: str) -> Any:
    """Return what a JSON text holds, or a text that is nothing where it is none."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return ""


def _readable(path: str) -> bool:
    try:
        if Path(path).is_dir():
            return True
        with Path(path).open("rb"):
            return True
    except (OSError, ValueError):
        return False


def _loads(load: Any) -> bool:
    """Whether OpenSSL takes a file as what it should be."""
    try:
        load(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
    except (OSError, ValueError):
        return False
    return True


def _no_password() -> str:
    raise ValueError("nobody is there to be asked for a password")
