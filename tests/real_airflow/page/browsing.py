"""A browser window of a user, which complains of errors, of refused requests and of foreign hosts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from .conftest import Seen

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page


@contextmanager
def window(
    browser: Browser, seen: Seen, user: str, *, dark: bool = False, width: int = 1280
) -> Iterator[Page]:
    """Open a window in which a user is logged in; when it closes, nothing may have gone wrong in it."""
    complaints: list[str] = []
    context = browser.new_context(viewport={"width": width, "height": 900}, locale="en-US")
    context.set_default_timeout(120_000)
    context.add_cookies([{"name": "_token", "value": seen.token(user), "url": f"{seen.url}/"}])
    context.add_init_script(f"localStorage.setItem('theme', '{'dark' if dark else 'light'}')")
    page = context.new_page()
    host = urlsplit(seen.url).netloc
    page.on("console", lambda told: told.type == "error" and complaints.append(told.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on(
        "request",
        lambda asked: (
            urlsplit(asked.url).scheme in {"data", "blob"}
            or urlsplit(asked.url).netloc == host
            or complaints.append(f"asked {asked.url}")
        ),
    )
    try:
        yield page
        if complaints:
            pytest.fail(f"the browser complains: {complaints}")
    finally:
        context.close()
