"""A vendor's operator is found in the metadata of whichever provider declares its connection type."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_profile_provider.get_provider_info import get_provider_info
from airflow_profile_provider.operators.vendors import hook_class_of, installed, operator_of, vendors_of

OURS = get_provider_info()
ACME: dict[str, Any] = {
    "connection-types": [{"connection-type": "acme", "hook-class-name": "sixth_vendor.hook.AcmeHook"}],
    "operators": [{"integration-name": "Acme", "python-modules": ["sixth_vendor.operator"]}],
}


@pytest.mark.parametrize("vendor", [entry["connection-type"] for entry in OURS["connection-types"]])
def test_each_vendor_has_its_operator(vendor: str) -> None:
    assert operator_of(vendor, [ACME, OURS]).__module__ == f"airflow_profile_provider.operators.{vendor}"


def test_a_sixth_vendor_of_another_provider_is_found() -> None:
    assert operator_of("acme", [OURS, ACME]).__name__ == "AcmePushProfilesOperator"


def test_a_vendors_hook_is_found_whoever_brings_it() -> None:
    found = hook_class_of("acme", [OURS, ACME])
    assert found and found.__name__ == "AcmeHook"


def test_a_hook_that_pushes_no_profiles_is_none() -> None:
    http = {"connection-type": "http", "hook-class-name": "airflow.providers.http.hooks.http.HttpHook"}
    assert hook_class_of("http", [{"connection-types": [http]}]) is None
    assert "http" not in vendors_of([OURS, {"connection-types": [http]}])


def test_airflow_knows_our_metadata() -> None:
    assert OURS["package-name"] in {data["package-name"] for data in installed()}


@pytest.mark.parametrize("vendor", ["nobody", "http"])
def test_who_is_not_there_is_told_who_is(vendor: str) -> None:
    with pytest.raises(ValueError, match=f"{vendor!r}; there are sonoran, .*ocamba$"):
        operator_of(vendor)
    with pytest.raises(ValueError, match="there are none"):
        operator_of(vendor, [])
