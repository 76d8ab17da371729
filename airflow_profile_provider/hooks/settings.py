"""A connection, read and checked at once, so that one error names everything to mend."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from airflow_profile_provider.errors import ConfigurationError
from airflow_profile_provider.quota import parse_quota
from airflow_profile_provider.vendor import Access, Rate, Vendor

if TYPE_CHECKING:
    from airflow.sdk import Connection

SHARED_EXTRAS = frozenset({"timeout", "verify", "proxies", "cert", "concurrency", "quota", "quota_conn_id"})


@dataclass(frozen=True)
class Settings:
    """What a connection says, in the types that the push needs; ``timeout`` is in seconds."""

    access: Access
    timeout: float = 30.0
    verify: bool | str = True
    cert: Any = None
    proxies: Mapping[str, str] = field(default_factory=dict, repr=False)
    concurrency: int | None = None
    quota: tuple[Rate, ...] | None = None
    quota_conn_id: str | None = None
    ignored: tuple[str, ...] = ()

    @classmethod
    def of(cls, connection: Connection, vendor: type[Vendor]) -> Settings:
        """Read a connection for a vendor.

        Raises:
            ConfigurationError: naming every field that is missing or wrong.
        """
        return _Reader(connection, vendor).read()


class _Reader:
    def __init__(self, connection: Connection, vendor: type[Vendor]) -> None:
        self._connection = connection
        self._vendor = vendor
        self._extra: dict[str, Any] = connection.extra_dejson or {}
        self._problems: list[str] = []

    def read(self) -> Settings:
        vendor, extra = self._vendor, self._extra
        host = self._host()
        login = self._credential("login", vendor.login_label)
        secret = self._credential("password", vendor.secret_label)
        known = {name: value for name, value in extra.items() if name in vendor.extras and value is not None}
        settings = Settings(
            access=Access(host, login, secret, known),
            timeout=self._number("timeout", 30.0),
            verify=self._verify(),
            cert=extra.get("cert"),
            proxies=self._proxies(),
            concurrency=self._count("concurrency"),
            quota=self._quota(),
            quota_conn_id=str(extra.get("quota_conn_id") or "").strip() or None,
            ignored=tuple(sorted(set(extra) - vendor.extras - SHARED_EXTRAS)),
        )
        self._count("batch_size")
        if self._problems:
            raise ConfigurationError(
                f"connection {self._connection.conn_id!r} ({vendor.name}): {'; '.join(self._problems)}"
            )
        return settings

    def _host(self) -> str:
        connection = self._connection
        host = (connection.host or self._vendor.default_host).strip()
        if not host:
            self._problems.append(f"host ({self._vendor.host_label}) is missing")
            return ""
        if "://" not in host:
            host = f"{connection.schema or 'https'}://{host}"
        try:
            parts = urlsplit(host)
            port = parts.port or connection.port
        except ValueError:
            parts, port = urlsplit("x:"), None
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username or parts.query:
            self._problems.append(
                f"host ({self._vendor.host_label}) is not an address such as https://host.example.com"
            )
        name = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
        return f"{parts.scheme}://{name}" + (f":{port}" if port else "") + parts.path.rstrip("/")

    def _credential(self, where: str, label: str) -> str:
        if not label:
            return ""
        value = str(getattr(self._connection, where) or "").strip()
        if not value:
            self._problems.append(f"{where} ({label}) is missing")
        elif not (value.isprintable() and value.isascii()):
            self._problems.append(f"{where} ({label}) holds characters that none has; copy it again")
        return value

    def _number(self, name: str, default: float) -> float:
        value = self._extra.get(name)
        if value in (None, ""):
            return default
        try:
            number = float(str(value))
        except ValueError:
            number = 0
        if not 0 < number < 1e6:
            self._problems.append(f"extra {name} must be a positive number")
        return number

    def _count(self, name: str) -> int | None:
        value = self._extra.get(name)
        if value in (None, ""):
            return None
        text = str(value)
        if isinstance(value, bool) or not text.isdecimal() or int(text) < 1:
            self._problems.append(f"extra {name} must be a whole number from 1")
            return None
        return int(text)

    def _verify(self) -> bool | str:
        value = self._extra.get("verify")
        if value is None or isinstance(value, bool):
            return value is not False
        text = str(value).strip()
        return {"": True, "true": True, "false": False}.get(text.lower(), text)

    def _proxies(self) -> Mapping[str, str]:
        value = self._extra.get("proxies") or {}
        if isinstance(value, str):
            try:
                value = json.loads(value)
            except ValueError:
                value = None
        if not isinstance(value, dict):
            self._problems.append('extra proxies must be an object such as {"https": "http://proxy:3128"}')
            return {}
        return value

    def _quota(self) -> tuple[Rate, ...] | None:
        value = self._extra.get("quota")
        if value in (None, ""):
            return None
        try:
            return parse_quota(str(value))
        except ConfigurationError as error:
            self._problems.append(f"extra {error}")
            return None
