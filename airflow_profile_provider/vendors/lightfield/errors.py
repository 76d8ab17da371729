"""Lightfield's errors, which come in an ``error`` member or bare."""

from __future__ import annotations

from airflow_profile_provider.vendors.exchange import Answer

_CODES = frozenset(
    (
        "bad_request unauthorized forbidden not_found conflict idempotency_conflict unsupported_media_type "
        "unprocessable_content too_many_requests unknown_field unknown_relationship "
        "referenced_resource_missing relationship_entity_missing relationship_entity_inactive "
        "relationship_write_limit_exceeded invalid_type parameter_missing invalid_configuration "
        "idempotency_key_too_long version_header ambiguous_stage_label stage_unresolved_in_pipeline "
        "unknown_pipeline enrichment_fields_not_enrichable"
    ).split()
)


def read_error(answer: Answer) -> tuple[str, str, str]:
    """Read code, param and message of either error envelope (wrapped in ``error`` or bare)."""
    error = answer.members.get("error", answer.members)
    if not isinstance(error, dict):
        return "", "", ""
    code = str(error.get("code") or error.get("type") or "")
    return code if code in _CODES else "", str(error.get("param") or ""), str(error.get("message") or "")
