"""All that a vendor's module needs, in one place, for vendors that are written elsewhere."""

from airflow_profile_provider.options import require_choice
from airflow_profile_provider.records import Acknowledgement, Change
from airflow_profile_provider.values import folded
from airflow_profile_provider.vendors.base import Access, Taken, Vendor
from airflow_profile_provider.vendors.comparing import (
    dialled,
    each_text,
    is_akin,
    or_none,
    same_form,
    trimmed,
)
from airflow_profile_provider.vendors.creating import CREATE_ATTEMPTS, Creates, CreatesFound, Mode, filled
from airflow_profile_provider.vendors.exchange import (
    Allowance,
    Answer,
    Finding,
    Held,
    Learning,
    Page,
    Paging,
    Pause,
    Probe,
    Rate,
    Reading,
    Renewal,
    Request,
    Steps,
    Telling,
    Token,
    allowance,
    retry_after,
    to_json,
)
from airflow_profile_provider.vendors.fields import Catalogue, Field, FieldInfo, field_info, listed, meant
from airflow_profile_provider.vendors.listing import Place, count, identifier
from airflow_profile_provider.vendors.reads import Search

__all__ = [
    "CREATE_ATTEMPTS",
    "Access",
    "Acknowledgement",
    "Allowance",
    "Answer",
    "Catalogue",
    "Change",
    "Creates",
    "CreatesFound",
    "Field",
    "FieldInfo",
    "Finding",
    "Held",
    "Learning",
    "Mode",
    "Page",
    "Paging",
    "Pause",
    "Place",
    "Probe",
    "Rate",
    "Reading",
    "Renewal",
    "Request",
    "Search",
    "Steps",
    "Taken",
    "Telling",
    "Token",
    "Vendor",
    "allowance",
    "count",
    "dialled",
    "each_text",
    "field_info",
    "filled",
    "folded",
    "identifier",
    "is_akin",
    "listed",
    "meant",
    "or_none",
    "require_choice",
    "retry_after",
    "same_form",
    "to_json",
    "trimmed",
]
