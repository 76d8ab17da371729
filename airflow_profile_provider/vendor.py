"""All that a vendor's module needs, in one place, for vendors that are written elsewhere."""

from airflow_profile_provider.options import require_choice
from airflow_profile_provider.records import Acknowledgement, Change
from airflow_profile_provider.values import folded
from airflow_profile_provider.vendors.base import Access, Taken, Vendor
from airflow_profile_provider.vendors.exchange import (
    Allowance,
    Answer,
    Probe,
    Rate,
    Renewal,
    Request,
    Steps,
    Token,
    allowance,
    retry_after,
    to_json,
)
from airflow_profile_provider.vendors.fields import Catalogue, Field

__all__ = [
    "Access",
    "Acknowledgement",
    "Allowance",
    "Answer",
    "Catalogue",
    "Change",
    "Field",
    "Probe",
    "Rate",
    "Renewal",
    "Request",
    "Steps",
    "Taken",
    "Token",
    "Vendor",
    "allowance",
    "folded",
    "require_choice",
    "retry_after",
    "to_json",
]
