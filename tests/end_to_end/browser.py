"""What every view of the page is held to in Chromium, and pictures of it where they are wanted."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
PICTURES = os.environ.get("GENRE_SCREENSHOTS")


async def sound(page: Any, name: str) -> None:
    """No serious finding of axe in either theme; at a phone's width, which stays, nothing wider."""
    axe = pytest.importorskip("axe_playwright_python.async_playwright").Axe()
    for theme in ("light", "dark"):
        await page.emulate_media(color_scheme=theme, reduced_motion="reduce")
        found = (await axe.run(page)).response["violations"]
        serious = [each for each in found if each["impact"] in ("serious", "critical")]
        assert serious == [], [(each["id"], each["nodes"][0]["html"]) for each in serious]
        for width in (1280, 380):
            await page.set_viewport_size({"width": width, "height": 800})
            await shoot(page, f"{name}-{theme}-{width}")
    assert await page.evaluate("document.documentElement.scrollWidth") <= 380


async def shoot(page: Any, name: str) -> None:
    """A picture, where somebody wants them."""
    if PICTURES:
        await page.wait_for_timeout(300)  # milliseconds, for fonts and charts
        await page.screenshot(path=Path(PICTURES) / f"{name}.png", full_page=True)
