"""What a vendor tells of its fields: asked once by whoever needs it, and never a reason to send nothing."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from airflow_profile_provider.delivery.transport import Transport
from airflow_profile_provider.errors import (
    AskedToEnd,
    MassFailure,
    Paused,
    PushStopped,
    Retriable,
    VendorError,
)
from airflow_profile_provider.mapping.mapper import Mapper
from airflow_profile_provider.vendors.base import Vendor
from airflow_profile_provider.vendors.exchange import Request
from airflow_profile_provider.vendors.fields import Catalogue

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Learned:
    """The fields that a vendor tells; ``unanswered`` says why it did not, though it has a list of them."""

    catalogue: Catalogue = field(default_factory=Catalogue)
    unanswered: str = ""


def learned(vendor: Vendor, transport: Transport) -> Learned:
    """Ask a vendor which fields there are, without asking twice; what does not answer leaves it to decide.

    Raises:
        Paused: the wait for the quota is longer than the push's patience.
    """
    try:
        return Learned(_driven(vendor.learn(), transport.send_once))
    except Paused:
        raise
    except (VendorError, PushStopped) as error:
        return Learned(unanswered=str(error))


def learned_for_labels(vendor: Vendor, transport: Transport) -> Learned:
    """Ask as long as a request may take, for a mapping that names labels; a refusal leaves it to the vendor.

    Raises:
        PushStopped: the vendor did not answer, so that it is not known what a label means; or the push was
            asked to end.
    """
    try:
        return Learned(transport.drive(vendor.learn()))
    except (AskedToEnd, Paused):
        raise
    except Retriable as error:
        failed = MassFailure(f"the fields of {vendor.name} cannot be asked for, which labels need: {error}")
        failed.after = error.after
    except (VendorError, PushStopped) as error:  # what stops a push stops the first change, too
        return Learned(unanswered=str(error))
    raise failed


def named_by_ids(
    fields: Mapping[str, Any], mapper: Mapper, vendor: Vendor, transport: Transport
) -> Mapping[str, Any]:
    """Return the fields of a change by their ids; ask the vendor where a name can only be a label.

    Raises:
        ConfigurationError: several fields have such a label.
        PushStopped: as for `learned_for_labels`.
    """
    if not vendor.is_catalogued(fields) or all(map(vendor.is_field_id, fields)):
        return fields
    catalogue = learned_for_labels(vendor, transport).catalogue
    mapper.know(catalogue)
    ids = vendor.ids_of(fields, catalogue)
    return {ids[name]: value for name, value in fields.items()}


def _driven(steps: Generator[Request, Any, T], send: Callable[[Request], Any]) -> T:
    """Run a vendor's generator to its end, each of its requests sent once."""
    try:
        request = next(steps)
        while True:
            request = steps.send(send(request))
    except StopIteration as done:
        return done.value  # type: ignore[no-any-return]
