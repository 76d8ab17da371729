"""Which fields of a change are left out, because they are only set where the vendor holds nothing."""

from __future__ import annotations

from airflow_profile_provider.delivery.transport import Transport
from airflow_profile_provider.errors import RecordRefused
from airflow_profile_provider.records import Change
from airflow_profile_provider.vendors.base import Vendor
from airflow_profile_provider.vendors.comparing import is_empty


def filled(change: Change, vendor: Vendor, transport: Transport) -> frozenset[str]:
    """Read the profile of a change, if need be; return the fields that it holds something in already.

    Of a profile that is not there, nothing is filled. A vendor that reads before it writes finds out then.

    Raises:
        VendorError: the vendor does not say what it holds.
        PushStopped: nothing can get through.
        ConfigurationError: its profiles cannot be read by such a key.
    """
    asked = change.if_empty & change.fields.keys()
    if not asked or vendor.reads_first:
        return frozenset()
    held = transport.drive(vendor.read([change.key], change.key_type, asked))[change.key]
    if held is None:
        return frozenset()
    if unknown := sorted(asked - held.fields.keys()):
        raise RecordRefused(
            f"{vendor.name} does not show {', '.join(unknown)}, so that nobody knows whether it is empty; "
            "take it out of set_if_empty"
        )
    return frozenset(name for name in asked if not is_empty(held.fields[name]))
