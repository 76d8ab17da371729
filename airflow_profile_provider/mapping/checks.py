"""What can be told of a mapping before there is a row: what the vendor would refuse, or cannot give."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from airflow_profile_provider.errors import ConfigurationError, InvalidRecord
from airflow_profile_provider.fields import Expression
from airflow_profile_provider.mapping.written import Writer
from airflow_profile_provider.vendors.base import Vendor


def check_made(made: Mapping[str, Expression], vendor: Vendor, writer: Writer) -> None:
    """Refuse an expression whose value cannot be sent, whatever the rows hold.

    Raises:
        ConfigurationError: naming the field.
    """
    for name, of in made.items():
        of.check()
        for value in of.constants if vendor.is_field_id(name) else ():
            try:
                writer.write({}, name, value, False, True)
            except InvalidRecord as error:
                problem = f"field {name}: a value of {of.name} {error}"
            else:
                continue
            raise ConfigurationError(problem)


def check_if_empty(
    names: Collection[str], fields: Collection[str] | None, vendor: Vendor, key_type: str
) -> None:
    """Refuse to set fields only where the vendor holds nothing, if nobody can look.

    Raises:
        ConfigurationError: naming the fields, or why nothing can be read.
    """
    if not names:
        return
    if unknown := sorted(set(names).difference(names if fields is None else fields)):
        raise ConfigurationError(f"set_if_empty names {', '.join(unknown)}, and fields does not")
    why = f"set_if_empty needs to read what {vendor.name} holds, and"
    if key_type not in vendor.readable_key_types:
        known = ", ".join(vendor.readable_key_types) or "no identifier"
        raise ConfigurationError(f"{why} profiles are read by {known}, not by {key_type}")
    if unreadable := sorted(vendor.unreadable(names)):
        raise ConfigurationError(f"{why} it never shows {', '.join(unreadable)}: take them out of it")
