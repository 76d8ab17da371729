"""Finds a vendor's operator and hook by the name of its connection type, whichever provider brings them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from importlib import import_module
from typing import Any

from airflow_profile_provider.hooks.base import ProfileHook
from airflow_profile_provider.operators.base import PushProfilesOperator

Metadata = Mapping[str, Any]
"""What one provider says of itself: the answer of its ``get_provider_info``."""


def installed() -> list[Metadata]:
    """Return the metadata of all installed providers, as Airflow has read it."""
    manager: Any
    try:
        manager = import_module("airflow.sdk.providers_manager_runtime").ProvidersManagerTaskRuntime()
    except ImportError:  # before Airflow 3.2
        manager = import_module("airflow.providers_manager").ProvidersManager()
    return [provider.data for provider in manager.providers.values()]


def operator_of(vendor: str, providers: Iterable[Metadata] | None = None) -> type[PushProfilesOperator]:
    """Return the operator that pushes to a vendor.

    It is looked for in the operator modules of the provider that declares the connection type: the operator
    with an argument ``<connection type>_conn_id``.

    Raises:
        ValueError: no provider has such an operator; the message names those that there are.
    """
    known = installed() if providers is None else list(providers)
    if found := _operator(vendor, _modules_of(vendor, known)):
        return found
    raise ValueError(
        f"no installed provider has an operator that pushes profiles to {vendor!r}; "
        f"there are {', '.join(vendors_of(known)) or 'none'}"
    )


def hook_class_of(vendor: str, providers: Iterable[Metadata] | None = None) -> type[ProfileHook] | None:
    """Return the hook of a vendor's connection type; None where no provider has one that pushes profiles."""
    for entry in _entries(installed() if providers is None else providers):
        if entry["connection-type"] == vendor:
            module, _, name = entry["hook-class-name"].rpartition(".")
            found = getattr(import_module(module), name)
            return found if isinstance(found, type) and issubclass(found, ProfileHook) else None
    return None


def vendors_of(providers: Iterable[Metadata] | None = None) -> list[str]:
    """Return the vendors whose operators are in modules of their names."""
    known = installed() if providers is None else list(providers)
    return [kind for kind in _types(known) if _has_one_of_its_name(kind, known)]


def _operator(vendor: str, modules: Iterable[str]) -> type[PushProfilesOperator] | None:
    for module in modules:
        for found in vars(import_module(module)).values():
            is_push = isinstance(found, type) and issubclass(found, PushProfilesOperator)
            if is_push and f"{vendor}_conn_id" in found.template_fields:
                return found  # type: ignore[no-any-return]
    return None


def _entries(providers: Iterable[Metadata]) -> Iterator[Mapping[str, str]]:
    for provider in providers:
        yield from provider.get("connection-types", ())


def _types(providers: Iterable[Metadata]) -> Iterator[str]:
    return (entry["connection-type"] for entry in _entries(providers))


def _modules_of(vendor: str, providers: Iterable[Metadata]) -> list[str]:
    """Return the operator modules beside a connection type; the one of its own name comes first."""
    modules = [
        module
        for provider in providers
        if vendor in _types([provider])
        for group in provider.get("operators", ())
        for module in group.get("python-modules", ())
    ]
    return sorted(modules, key=lambda module: module.rpartition(".")[2] != vendor)


def _has_one_of_its_name(vendor: str, providers: Iterable[Metadata]) -> bool:
    """Whether a vendor's operator is in the module of its name; no other one is imported to find out."""
    modules = [module for module in _modules_of(vendor, providers) if module.rpartition(".")[2] == vendor]
    with suppress(ImportError):  # a provider that lacks something of its own
        return _operator(vendor, modules) is not None
    return False
