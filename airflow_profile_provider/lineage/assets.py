"""Assets: the events that a push emits, and the addresses of what it pushes to.

An address is the URI ``<connection type>://<host>/<what the vendor calls its profiles>``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, urlsplit

if TYPE_CHECKING:
    from airflow.providers.common.compat.openlineage.facet import Dataset
    from airflow.providers.common.compat.sdk import Asset, Context

    from airflow_profile_provider.reports import Report


def announce(
    context: Context,
    outlets: Iterable[Any],
    report: Report,
    *,
    changed: bool,
    asset: Callable[[], Asset | str],
) -> None:
    """Put the report into the events of a green task's outlets.

    An `Asset` gets an event in any case: Airflow adds it by itself. An `AssetAlias` gets one, for the asset
    that ``asset`` returns, only if something changed. A run's partition key is Airflow's to add.
    """
    from airflow.providers.common.compat.sdk import Asset, AssetAlias
    from airflow.sdk.definitions.asset import AssetRef

    events = context.get("outlet_events")
    if events is None:
        return
    for outlet in outlets:
        if isinstance(outlet, AssetAlias) and changed:
            target = asset()
            found = target if isinstance(target, Asset) else Asset(target)
            events[outlet].add(found, extra=report.as_dict())
        elif isinstance(outlet, Asset | AssetRef):
            events[outlet].extra.update(report.as_dict())


def sanitize_uri(uri: SplitResult) -> SplitResult:
    """Return the one way to write an address.

    Raises:
        ValueError: it names no host, or not what is kept there.
    """
    if not uri.netloc or not uri.path.strip("/"):
        raise ValueError(f"write {uri.scheme}://<host>/<what is kept there>, such as /profiles")
    return uri._replace(netloc=uri.netloc.lower(), path="/" + uri.path.strip("/"), query="", fragment="")


def convert_asset_to_openlineage(asset: Asset, lineage_context: Any) -> Dataset:
    """Return the dataset that pushes to this address name in their lineage, too."""
    from airflow.providers.common.compat.openlineage.facet import Dataset

    namespace, name = dataset_of(asset.uri)
    return Dataset(namespace=namespace, name=name)


def dataset_of(address: str) -> tuple[str, str]:
    """Split an address into a dataset's namespace and its name there."""
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}", parts.path.strip("/")
