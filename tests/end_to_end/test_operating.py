"""The page as an operator uses it, in Chromium: a genre from pasted texts, and dead letters.

`GENRE_SCREENSHOTS=FOLDER` keeps what it looked like.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from agents.gateway.catalogue import RegistryCatalogue
from agents.genres.registry import Registry
from schemas.adapters import AdapterEvent
from schemas.progress import Progress
from schemas.training import TrainingEvent
from streams.clients.client import Client
from streams.clients.embedded_broker import EmbeddedBroker
from streams.clients.reader import Reader, read
from streams.gateway.server import Gateway
from streams.settings import Settings
from streams.wire.codecs import decode
from tests.end_to_end.browser import CHROMIUM, sound
from tests.streams.clients.test_letters import bury

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is found")

MARKUP = "<b onclick=alert(1)>Rain</b> on the tin roof"


@dataclass
class Desk:
    """A page of a gateway, what is behind it, and what the browser complained of."""

    page: Any
    settings: Settings
    client: Client
    stopped: asyncio.Event
    complaints: list[str]

    async def says(self, text: str) -> None:
        """Wait until the page shows a text."""
        await self.page.get_by_text(text).first.wait_for(timeout=30_000)

    async def press(self, name: str, role: str = "button") -> None:
        """Press a button or follow a link of that name."""
        await self.page.get_by_role(role, name=name, exact=True).first.click(timeout=30_000)

    async def agree(self, question: str, action: str) -> None:
        """Answer the dialog that asks this."""
        dialog = self.page.get_by_role("dialog", name=question)
        await dialog.get_by_role("button", name=action, exact=True).click(timeout=30_000)


@pytest.fixture
async def desk(broker: EmbeddedBroker) -> AsyncIterator[Desk]:
    """A phone's browser at a gateway, in the same process."""
    playwright = pytest.importorskip("playwright.async_api")
    registry, stopped = Registry(), asyncio.Event()
    catalogue = RegistryCatalogue(registry, broker.settings)
    gateway = Gateway(broker.settings, catalogue, registry.apply)
    running = asyncio.create_task(gateway.run(stopped))
    complaints: list[str] = []
    async with Client(broker.settings) as client, playwright.async_playwright() as driver:
        browser = await driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = await browser.new_page(viewport={"width": 380, "height": 800}, locale="en-GB")
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda message: complaints.append(message.text))
        async with asyncio.timeout(30):
            while not gateway.address:
                await asyncio.sleep(0.02)
        await page.goto(f"{gateway.address}/#genres")
        yield Desk(page, broker.settings, client, stopped, complaints)
        await browser.close()
    stopped.set()
    await running


@asynccontextmanager
async def trainer(desk: Desk) -> AsyncIterator[list[str]]:
    """Somebody who trains at once what is ordered; the texts that came."""
    texts: list[str] = []

    async def train() -> None:
        async for record in read(desk.settings, desk.settings.topic("training"), follow=True):
            event = decode(record.value, TrainingEvent)
            if event.kind == "text":
                texts.append(event.text or "")
                continue
            told = {"kind": "training", "genre": event.genre, "job": event.job, "steps": 9}
            await desk.client.publish(Progress(**told, state="training", step=4, loss=2.5))  # type: ignore[arg-type]
            await desk.says("4 of 9")
            adapter = AdapterEvent(
                kind="published",
                name=f"{event.genre}@0123456789ab",
                genre=event.genre,
                family=event.family or event.genre,
                digest="0" * 64,
                base_fingerprint="1" * 64,
                metrics={"ppl_base": 31.5, "ppl_adapter": 17.25},
                description=event.description or "",
                time=datetime.now(UTC),
            )
            await desk.client.publish(adapter)
            ended = Progress(**told, state="published", step=9, adapter=adapter.name)  # type: ignore[arg-type]
            await desk.client.publish(ended)

    async with asyncio.TaskGroup() as group:
        training = group.create_task(train())
        yield texts
        training.cancel()


async def test_a_genre_is_trained_from_pasted_texts_and_withdrawn(desk: Desk) -> None:
    page, texts = desk.page, [f"{MARKUP},\nnumber {number}." for number in range(101)]
    await page.get_by_label("Find a genre").fill("limerick")
    await sound(desk.page, "genres")
    await desk.press("New genre", "link")
    await page.get_by_label("Name", exact=True).fill("rain_note")
    await page.get_by_label("What it is, in one line").fill("A <i>note</i> on rain.")
    await page.get_by_label("Texts", exact=True).fill("\n\n".join(texts))
    await page.reload()
    await desk.says("101 texts recognised.")  # what was typed is kept
    await sound(desk.page, "new-genre")
    async with trainer(desk) as sent:
        await desk.press("Train")
        await desk.says("rain_note@0123456789ab is published.")
    assert sorted(sent) == sorted(texts)
    await desk.press("See the genre", "link")
    await desk.says("A <i>note</i> on rain.")
    await desk.says("17.25")
    await sound(desk.page, "genre")
    await desk.press("Withdraw rain_note@0123456789ab")
    await desk.agree("Withdraw rain_note@0123456789ab?", "Withdraw")
    await desk.says("No version of this genre is published")
    assert desk.complaints == []


async def test_letters_are_replayed_one_and_all(desk: Desk) -> None:
    page, values = desk.page, (b"{<script>", b"\xff\x00", b"{3")
    await bury(desk.settings, *values)
    await page.goto(page.url.replace("#genres", "#flow"))
    await desk.says("No worker of classify runs.")
    by_topic = page.get_by_role("columnheader", name="Topic").first
    await by_topic.get_by_role("button").click()
    await sound(desk.page, "flow")
    assert await by_topic.get_attribute("aria-sort") == "ascending"  # after new snapshots, too
    await desk.press("not_json", "link")
    await desk.says("3 letters, 3 of them open and whole.")
    await sound(desk.page, "letters")
    await page.locator(".letters a").last.click()
    await desk.says("{<script>")
    await sound(desk.page, "letter")
    await desk.press("Replay this letter")
    await desk.agree("Replay 1 letter?", "Replay")
    await desk.says("1 replayed.")
    await desk.press("← Back to the letters", "link")
    await desk.press("Replay all 2 open")
    await desk.agree("Replay 2 letters?", "Replay")
    await desk.says("2 replayed.")
    async with Reader(desk.settings, desk.settings.topic("requests")) as reader:
        found: list[bytes] = []
        while not await reader.is_read():
            found += [each.value or b"" for each in await reader.take()]
    assert sorted(found) == sorted(values)
    assert desk.complaints == []


async def test_a_chart_that_is_not_drawn_anew_yet_widens_no_page(desk: Desk) -> None:
    page = desk.page
    await page.add_init_script("window.ResizeObserver = class { observe() {} disconnect() {} }")
    await page.set_viewport_size({"width": 1280, "height": 800})
    await page.goto(page.url.replace("#genres", "#flow"))
    await page.reload()
    await page.locator(".chart .uplot").wait_for()
    await page.set_viewport_size({"width": 380, "height": 800})
    assert await page.evaluate("document.querySelector('.uplot').scrollWidth") > 380
    assert await page.evaluate("document.documentElement.scrollWidth") <= 380


async def test_a_gateway_that_goes_is_told_and_the_last_figures_stay(desk: Desk) -> None:
    await desk.page.goto(desk.page.url.replace("#genres", "#flow"))
    await desk.says("No record was ever written")
    desk.stopped.set()
    await desk.says("The live view has stopped")
    await desk.says("The gateway does not answer.")
    await desk.says("No record was ever written")
