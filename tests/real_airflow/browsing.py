"""Pictures for the docs."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from own_airflow import ROOT

if TYPE_CHECKING:
    from playwright.sync_api import Page

IMAGES = ROOT / "docs" / "images"


def picture(page: Page, name: str) -> None:
    """Take a picture for the docs, if they are to be renewed."""
    if os.environ.get("UPDATE_SCREENSHOTS"):
        IMAGES.mkdir(parents=True, exist_ok=True)
        page.wait_for_timeout(1500)  # let things slide into their places
        page.screenshot(path=IMAGES / f"{name}.png")
