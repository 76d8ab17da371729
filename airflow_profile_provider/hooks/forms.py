"""Connection forms for Airflow 3.1, made from the metadata that Airflow 3.2 and later read by themselves."""

from __future__ import annotations

from functools import partial
from typing import Any

from airflow_profile_provider.get_provider_info import get_provider_info

_NAMES = {"hidden-fields": "hidden_fields", "relabeling": "relabeling", "placeholders": "placeholders"}


def declare_form(hook: type) -> None:
    """Give a hook the methods of its connection's form, if our metadata have its connection type.

    Airflow 3.1 looks for them on the class itself, not on what it inherits from. Later ones never call them.
    """
    conn_type = vars(hook).get("conn_type")
    for entry in get_provider_info()["connection-types"]:
        if entry["connection-type"] == conn_type:
            fields, behaviour = entry["conn-fields"], entry["ui-field-behaviour"]
            hook.get_connection_form_widgets = staticmethod(partial(_widgets, fields))  # type: ignore[attr-defined]
            hook.get_ui_field_behaviour = staticmethod(partial(_behaviour, behaviour))  # type: ignore[attr-defined]


def _widgets(fields: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of the connection's extra as WTForms has them.

    It need not be installed: Airflow's API server puts something in its place before it asks.
    """
    from wtforms import BooleanField, IntegerField, PasswordField, StringField
    from wtforms.validators import Optional, any_of

    kinds = {"integer": IntegerField, "boolean": BooleanField}
    found = {}
    for name, field in fields.items():
        schema = field["schema"]
        kind = (
            PasswordField if schema.get("format") == "password" else kinds.get(schema["type"][0], StringField)
        )
        checks = [Optional(), *([any_of(schema["enum"])] if "enum" in schema else [])]
        found[name] = kind(
            field["label"], validators=checks, description=field["description"], default=schema.get("default")
        )
    return found


def _behaviour(declared: dict[str, Any]) -> dict[str, Any]:
    """Return which of the standard fields are shown, and what they are called."""
    return {name: declared[metadata] for metadata, name in _NAMES.items()}
