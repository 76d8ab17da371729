"""The provider's only registration: metadata that Airflow reads without importing anything of ours.

Each connection type's form is declared here in the vendor's own words. See
https://airflow.apache.org/docs/apache-airflow-providers/howto/create-custom-providers.html.
"""

from __future__ import annotations

from typing import Any

_Field = dict[str, Any]


def _field(label: str, kind: str, description: str, **schema: Any) -> _Field:
    """Declare an optional field of a connection form; it is kept in the connection's extra."""
    return {
        "label": label,
        "description": description,
        "schema": {"type": [kind, "null"], **schema},
    }


def _choice(label: str, options: list[str], description: str) -> _Field:
    return _field(label, "string", description, enum=[*options, None], default=options[0])


_SHARED_FIELDS: dict[str, _Field] = {
    "concurrency": _field(
        "Requests in flight", "integer", "How many requests may be under way at once.", minimum=1, maximum=256
    ),
    "quota": _field(
        "Quota",
        "string",
        'Replaces the published limits, e.g. "10/1s, 150/60s"; "none" lifts them.',
    ),
    "quota_conn_id": _field(
        "Quota connection",
        "string",
        "Id of a Redis, PostgreSQL or SQLite connection through which tasks and machines share the quota.",
    ),
    "timeout": _field("Time-out (s)", "number", "Seconds to wait for an answer; 30 if empty.", minimum=0.1),
    "verify": _field(
        "Verify TLS", "string", 'Empty or "true" checks certificates; "false" or the path of a CA bundle.'
    ),
    "proxies": _field(
        "Proxies",
        "object",
        'Proxy by scheme, e.g. {"https": "http://proxy:3128"}.',
    ),
}


def _connection_type(
    module: str,
    name: str,
    hook: str,
    *,
    hidden: list[str],
    labels: dict[str, str],
    placeholders: dict[str, str],
    fields: dict[str, _Field] | None = None,
) -> dict[str, Any]:
    return {
        "connection-type": module,
        "hook-class-name": f"airflow_profile_provider.hooks.{module}.{hook}",
        "hook-name": name,
        "ui-field-behaviour": {
            "hidden-fields": ["schema", "extra", *hidden],
            "relabeling": labels,
            # Airflow 3.3.2's Test button refuses an empty port, so the field stays, with its usual value.
            "placeholders": {"port": "443", **placeholders},
        },
        "conn-fields": {**(fields or {}), **_SHARED_FIELDS},
    }


_CONNECTION_TYPES = [
    _connection_type(
        "sonoran",
        "Sonoran CMS",
        "SonoranHook",
        hidden=[],
        labels={"host": "API address", "login": "Community ID", "password": "API Key"},
        placeholders={"host": "https://api.sonorancms.com", "login": "your community's id"},
        fields={
            "api": _choice(
                "API version", ["v1", "v2"], "v1: batch endpoint, any identifier; v2: accId only."
            ),
            "batch_size": _field(
                "Accounts a request",
                "integer",
                "v1 only: accounts sent in one request; 1 if empty.",
                minimum=1,
            ),
            "unique_id": _choice("uniqueId as", ["number", "text"], "v1 only: how a uniqueId is written."),
            "clear_with": _choice(
                "Clear with", ["null", "empty"], "What clears a field: null, or empty text."
            ),
            "list_shows": _choice(
                "v1 list shows",
                ["fields", "none"],
                "fields: with profile fields; none: read accounts one by one.",
            ),
            "search": _choice(
                "v2 search by", ["username", "any"], "username: as documented; any: other identifiers, too."
            ),
        },
    ),
    _connection_type(
        "communifire",
        "Axero Communifire",
        "CommunifireHook",
        hidden=["login"],
        labels={"host": "Site address", "password": "REST API key or Bearer token"},
        placeholders={"host": "https://yoursite.communifire.com"},
        fields={
            "auth_scheme": _choice(
                "Authentication",
                ["api_key", "bearer"],
                "api_key: Rest-API-Key header; bearer: 9.60 and later.",
            ),
            "body": _choice("Body", ["json", "text"], "json: an object; text: a JSON text that holds one."),
            "values": _choice("Values", ["text", "json"], 'text: "12", "false"; json: 12, false.'),
            "username_label": _choice(
                "User name's label", ["Username", "UserName"], "How the site spells it where it is the key."
            ),
            "clear_with": _choice(
                "Clear with", ["empty", "null"], "What clears a field: empty text, or null."
            ),
            "attributes": _choice(
                "Read back",
                ["named", "labels"],
                "named: known attributes alone; labels: fields by their labels, too.",
            ),
        },
    ),
    _connection_type(
        "agilenow",
        "Agile.Now",
        "AgileNowHook",
        hidden=[],
        labels={"host": "Server URL", "login": "Client ID", "password": "Client secret"},
        placeholders={"host": "https://yourserver.example.com"},
        fields={
            "token_url": _field(
                "Token URL", "string", "OAuth 2.0 token endpoint; <server>/oAuth/rest/v2/Token if empty."
            ),
            "scope": _field("Scope", "string", "Space-separated scopes; * asks for all.", default="*"),
            "base64": _choice(
                "Base64 ids", ["standard", "urlsafe"], "The alphabet of ids that a path cannot hold."
            ),
            "clear_with": _choice(
                "Clear with", ["empty", "null"], "What clears a text: empty text, or null."
            ),
        },
    ),
    _connection_type(
        "lightfield",
        "Lightfield",
        "LightfieldHook",
        hidden=["login"],
        labels={"host": "API address", "password": "API key"},
        placeholders={"host": "https://api.lightfield.app", "password": "sk_lf_..."},
        fields={
            "api_version": _field(
                "Lightfield-Version", "string", "Version of the API to ask for.", default="2026-03-01"
            ),
            "operations": _choice(
                "Link operations",
                ["several", "single"],
                "several: as in the vendor's example; single: one of a relationship in a request.",
            ),
            "enrichment": _choice(
                "Enrichment of new accounts",
                ["skip", "run"],
                "skip: an account that a push creates is not enriched; run: it is, which the vendor meters.",
            ),
        },
    ),
    _connection_type(
        "ocamba",
        "Ocamba Hood",
        "OcambaHook",
        hidden=["login"],
        labels={"host": "API address", "password": "API token"},
        placeholders={"host": "https://api.ocamba.com"},
        fields={
            "custom_properties": _choice(
                "Custom properties as",
                ["object", "text"],
                "object: as today's page has it; text: a JSON text.",
            ),
            "organization_id": _choice(
                "Organization id as",
                ["text", "integer"],
                "text: as today's page has it; integer: an older one.",
            ),
            "clear_with": _choice(
                "Clear with", ["null", "empty"], "What clears a field: null, or what is empty."
            ),
            "read_by": _choice(
                "Read a profile by", ["id", "filter"], "id: at its own address; filter: through the list."
            ),
            "page_length": _choice(
                "Profiles a page",
                ["100", "50", "25", "none"],
                "How many to ask for; none: as the vendor likes.",
            ),
            "shows": _choice(
                "Ask for",
                ["fields", "full", "default"],
                "fields: by name; full: the full view; default: whatever comes.",
            ),
            "search": _choice(
                "Search by", ["filter", "q"], "filter: equal values; q: texts that contain it, narrowed here."
            ),
            "collections": _choice(
                "Lists and properties",
                ["replace", "add"],
                "replace: they hold what was sent alone; add: what was sent beside others.",
            ),
            "undeclared": _choice(
                "Undeclared properties",
                ["refuse", "send"],
                "refuse: those that the account has not declared are invalid; send: the vendor decides.",
            ),
            "bulk": _choice(
                "Many at a time",
                ["off", "import"],
                "import: custom properties go by the hundred, by a page of the vendor's drafts.",
            ),
        },
    ),
]

_INTEGRATIONS = {
    "sonoran": ("Sonoran CMS", "https://docs.sonoransoftware.com/cms/"),
    "communifire": ("Axero Communifire", "https://my.axerosolutions.com/"),
    "agilenow": ("Agile.Now", "https://docs.agilenow.io/"),
    "lightfield": ("Lightfield", "https://docs.lightfield.app/"),
    "ocamba": ("Ocamba Hood", "https://docs.ocamba.com/"),
}

_CONFIG = {
    "profiles": {
        "description": "Pushes of profiles.",
        "options": {
            "defer_seconds": {
                "description": "A deferrable push frees its worker slot for waits of more seconds than this.",
                "version_added": "0.1.0",
                "type": "float",
                "example": "120",
                "default": "30",
            },
            "tell_seconds": {
                "description": "Every so many seconds, a push logs its progress, and stores it for a retry.",
                "version_added": "0.1.0",
                "type": "float",
                "example": "30",
                "default": "5",
            },
            "ledger_conn_ids": {
                "description": "Ids of connections, separated by commas, whose ledgers the page Profiles "
                "shows besides those that it finds in DAGs.",
                "version_added": "0.1.0",
                "type": "string",
                "example": "profile_ledger, eu_ledger",
                "default": "",
            },
        },
    }
}

_ASSETS = "airflow_profile_provider.lineage.assets"

_OUTBOX = "https://microservices.io/patterns/data/transactional-outbox.html"


def get_provider_info() -> dict[str, Any]:
    """Return the metadata that Airflow's provider manager validates and shows."""
    return {
        "package-name": "airflow-profile-provider",
        "name": "Profiles",
        "description": "Push profile changes to the SaaS systems that keep them.",
        "integrations": [
            {"integration-name": name, "external-doc-url": url, "tags": ["service"]}
            for name, url in _INTEGRATIONS.values()
        ]
        + [
            {"integration-name": "Profiles", "tags": ["software"]},
            {"integration-name": "Profile outbox", "external-doc-url": _OUTBOX, "tags": ["software"]},
        ],
        "hooks": [
            {"integration-name": name, "python-modules": [f"airflow_profile_provider.hooks.{module}"]}
            for module, (name, _) in _INTEGRATIONS.items()
        ],
        "operators": [
            {"integration-name": name, "python-modules": [f"airflow_profile_provider.operators.{module}"]}
            for module, (name, _) in _INTEGRATIONS.items()
        ]
        + [
            {
                "integration-name": "Profiles",
                "python-modules": [
                    "airflow_profile_provider.operators.crosswalk",
                    "airflow_profile_provider.operators.reports",
                ],
            },
            {
                "integration-name": "Profile outbox",
                "python-modules": ["airflow_profile_provider.operators.events"],
            },
        ],
        "triggers": [
            {
                "integration-name": "Profile outbox",
                "python-modules": ["airflow_profile_provider.triggers.profile_changes"],
            }
        ],
        "connection-types": _CONNECTION_TYPES,
        "asset-uris": [
            {
                "schemes": [entry["connection-type"] for entry in _CONNECTION_TYPES],
                "handler": f"{_ASSETS}.sanitize_uri",
                "to_openlineage_converter": f"{_ASSETS}.convert_asset_to_openlineage",
            }
        ],
        "notifications": ["airflow_profile_provider.notifications.ProfileAlertsNotifier"],
        "extra-links": [
            "airflow_profile_provider.operators.links.VendorLink",
            "airflow_profile_provider.operators.links.RejectsLink",
        ],
        "task-decorators": [
            {
                "name": "push_profiles",
                "class-name": "airflow_profile_provider.decorators.taskflow.push_profiles",
            }
        ],
        "plugins": [
            {"name": "profiles", "plugin-class": "airflow_profile_provider.page.plugin.ProfilesPlugin"}
        ],
        "config": _CONFIG,
        "cli": ["airflow_profile_provider.cli.get_profiles_cli_commands"],
    }
