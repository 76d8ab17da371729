"""Links on a task's page, only where there is something to open: worked out when the task ends."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from airflow.providers.common.compat.sdk import AirflowException, BaseHook, BaseOperatorLink
from airflow.sdk.exceptions import AirflowRuntimeError

from airflow_profile_provider.errors import ProfileError

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import BaseOperator, TaskInstanceKey

_OWN_STORES = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")


class VendorLink(BaseOperatorLink):
    """To the vendor's own pages, where its documentation says where they are."""

    @property
    def name(self) -> str:
        """The button's text."""
        return "Vendor"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        """Return the address, or nothing: Airflow shows no button then."""
        try:
            return str(operator.hook.site)  # type: ignore[attr-defined]
        except (AirflowException, AirflowRuntimeError, ProfileError):
            return ""  # the connection is missing or wrong, as the task's own error says


class RejectsLink(BaseOperatorLink):
    """To the rejects, where a browser can open the place that they are in."""

    @property
    def name(self) -> str:
        """The button's text."""
        return "Rejects"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        """Return the address, or nothing: no browser opens a worker's file."""
        report = getattr(operator, "report", None)
        try:
            return address_of(report.rejects) if report and report.rejects else ""
        except (AirflowException, AirflowRuntimeError, ValueError):
            return ""


def address_of(path: str) -> str:
    """Return where a person can look at a file of object storage; nothing where that is not well-defined."""
    parts = urlsplit(path)
    key = parts.path.lstrip("/")
    if parts.scheme in {"http", "https"}:
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"  # a query may hold a secret
    bucket = quote(parts.netloc.rpartition("@")[2])
    if parts.scheme in {"gs", "gcs"}:
        return f"https://console.cloud.google.com/storage/browser/_details/{bucket}/{quote(key)}"
    if parts.scheme in {"s3", "s3a"} and not _has_own_store(parts.username):
        return f"https://console.aws.amazon.com/s3/object/{bucket}?prefix={quote(key)}"
    return ""


def _has_own_store(conn_id: str | None) -> bool:
    """Whether S3 is not Amazon's here, so that its console knows nothing of the bucket."""
    if any(os.environ.get(name) for name in _OWN_STORES):
        return True
    if not conn_id:
        return False
    extra: dict[str, Any] = BaseHook.get_connection(conn_id).extra_dejson
    services = extra.get("service_config") or {}
    return bool(extra.get("endpoint_url") or (services.get("s3") or {}).get("endpoint_url"))
