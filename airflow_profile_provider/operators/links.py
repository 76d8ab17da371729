"""Links on a task's page, each to something that can be opened: worked out when the task ends."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from airflow.providers.common.compat.sdk import AirflowException, BaseHook, BaseOperatorLink, conf
from airflow.sdk.exceptions import AirflowRuntimeError

from airflow_profile_provider.errors import ProfileError

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import BaseOperator, TaskInstanceKey

PUSH_TAB = "plugin/profile-push"
"""Where a task instance's tab *Push* is, below the task instance."""
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
    """To the rejects where a browser can open their place, else to the page's view of the push."""

    @property
    def name(self) -> str:
        """The button's text."""
        return "Rejects"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        """Return the address: no browser opens a worker's file, and perhaps nothing was rejected."""
        report = getattr(operator, "report", None)
        try:
            found = address_of(report.rejects) if report and report.rejects else ""
        except (AirflowException, AirflowRuntimeError, ValueError):
            found = ""
        return found or push_view(ti_key)


def links_of(task: Any) -> tuple[BaseOperatorLink, ...]:
    """Return the links of a push, mapped or not, that can lead somewhere: Airflow would show others, too."""
    from airflow_profile_provider.vendors.base import Vendor

    rules = getattr(task, "operator_class", type(task)).rules()
    has_site = rules is None or rules.site is not Vendor.site
    given = {**_mapped(task), **task.partial_kwargs} if hasattr(task, "partial_kwargs") else vars(task)
    return (*([VendorLink()] if has_site else ()), *([RejectsLink()] if given.get("rejects_path") else ()))


def _mapped(task: Any) -> dict[str, Any]:
    """Return what is mapped, as far as it is known: `expand_kwargs` has mappings, or an output."""
    value = getattr(getattr(task, "expand_input", None), "value", None)
    each = value if isinstance(value, list) else [value]
    return {name: one for mapping in each if isinstance(mapping, dict) for name, one in mapping.items()}


def push_view(ti_key: TaskInstanceKey | None) -> str:
    """Return where Airflow shows a push: the tab *Push* of its task instance; nothing where there is none."""
    if ti_key is None:
        return ""
    base = urlsplit(conf.get("api", "base_url", fallback="") or "").path.rstrip("/")
    parts = ["dags", ti_key.dag_id, "runs", ti_key.run_id, "tasks", ti_key.task_id]
    if ti_key.map_index is not None and ti_key.map_index >= 0:
        parts += ["mapped", str(ti_key.map_index)]
    return f"{base}/{'/'.join(quote(part, safe='') for part in parts)}/{PUSH_TAB}"


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
