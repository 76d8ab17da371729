"""What Airflow loads in each of its processes: where the page is, and nothing of what it is made of."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from airflow.providers.common.compat.sdk import AirflowPlugin, conf

from airflow_profile_provider import __version__

PREFIX = "/profiles"
"""Under which path of the API server the page's own API and files are."""
TAB_ROUTE = "profile-push"
"""The last part of the address of a task instance's *Push* tab; links lead there, too."""


class LazyApp:
    """The page's API, imported at the first request: schedulers and triggerers load plugins, too."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Pass a request on."""
        from airflow_profile_provider.page.web import app

        await app(scope, receive, send)


def _at(path: str) -> str:
    """Return the address of a file of the page, below the path under which this Airflow is reached."""
    base = urlsplit(conf.get("api", "base_url", fallback="") or "").path.rstrip("/")
    return f"{base}{PREFIX}/static/{path}?v={__version__}"


def _react_app(name: str, destination: str, route: str, icon: str) -> dict[str, Any]:
    return {
        "name": name,
        "destination": destination,
        "url_route": route,
        "bundle_url": _at("profiles.js"),
        "icon": _at(f"{icon}.svg"),
        "icon_dark_mode": _at(f"{icon}-dark.svg"),
    }


class ProfilesPlugin(AirflowPlugin):
    """The page *Profiles* in the menu Browse, and the tab *Push* of a task instance."""

    name = "profiles"
    fastapi_apps = [{"app": LazyApp(), "url_prefix": PREFIX, "name": "Profiles"}]  # noqa: RUF012 -- as declared
    react_apps = [  # noqa: RUF012 -- as AirflowPlugin declares it
        {**_react_app("Profiles", "nav", "profiles", "profiles"), "category": "browse"},
        _react_app("Push", "task_instance", TAB_ROUTE, "push"),
    ]
