"""The page as a reader uses it, in Chromium before the whole loop: ask, react, see what changes.

`GENRE_SCREENSHOTS=FOLDER` keeps what it looked like.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
import pytest_asyncio

from agents.supervisor import RoleProcess, Supervisor, until_ready
from streams.clients.embedded_broker import free_port
from tests.end_to_end.browser import CHROMIUM, sound
from tests.end_to_end.conftest import Pipeline

pytestmark = [
    pytest.mark.asyncio(loop_scope="package"),
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is found"),
    pytest.mark.timeout(600),
    # What is behind the gateway is the same to a browser.
    pytest.mark.parametrize("pipeline", ["embedded"], indirect=True),
]

MARKUP = "<img src=x onerror=alert(1)> a joke about <b>dentists</b>"
_PATIENCE = 60_000  # milliseconds; on a busy machine workers lose their sessions


@dataclass
class Desk:
    """A page, the gateway that serves it, and what the browser complained of."""

    page: Any
    gateways: Supervisor
    gateway: RoleProcess
    address: str
    complaints: list[str] = field(default_factory=list)

    async def see(self, text: str, count: int = 1) -> None:
        """Wait until a text is shown so many times."""
        await self.page.get_by_text(text).nth(count - 1).wait_for(timeout=_PATIENCE)

    async def press(self, name: str, role: str = "button") -> None:
        """Press the first button or link of a name."""
        await self.page.get_by_role(role, name=name).first.click(timeout=_PATIENCE)

    async def ask(self, prompt: str) -> None:
        """Send a prompt from the keyboard."""
        await self.page.get_by_label("What should be written?").fill(prompt)
        await self.page.keyboard.press("Control+Enter")

    async def go(self, view: str) -> None:
        """Choose a view."""
        await self.page.get_by_role("navigation").get_by_role("link", name=view).click()

    async def judge(self, name: str) -> None:
        """As `sound`, at a desk's width again."""
        await sound(self.page, name)
        await self.page.set_viewport_size({"width": 1280, "height": 800})


@pytest_asyncio.fixture(loop_scope="package")
async def desk(pipeline: Pipeline) -> AsyncIterator[Desk]:
    """A browser at a gateway whose process can be killed and started again at its address."""
    driver = pytest.importorskip("playwright.async_api").async_playwright()
    settings = replace(pipeline.settings, gateway_port=free_port())
    logs, module = pipeline.supervisor._logs, pipeline.supervisor._module
    async with Supervisor(settings, logs=logs, module=module) as gateways, driver as browsers:
        gateway = gateways.start("gateway")
        address = (await until_ready(gateway, 60))["address"]
        browser = await browsers.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = await browser.new_page(viewport={"width": 1280, "height": 800}, locale="en-GB")
        desk = Desk(page, gateways, gateway, address)
        page.on("pageerror", lambda error: desk.complaints.append(str(error)))
        page.on("console", lambda message: desk.complaints.append(message.text))
        page.on("dialog", lambda dialog: desk.complaints.append(f"ran a script: {dialog.message}"))
        await page.goto(address)
        yield desk
        await browser.close()


async def test_ask_read_correct_choose_and_see_the_change(desk: Desk) -> None:
    page = desk.page
    await desk.see("Nothing was asked yet")
    await desk.judge("empty")
    await page.get_by_label("For user").fill("petra")
    await desk.ask(MARKUP)
    await desk.see("for petra, best first")
    assert await page.locator(".candidate img, .candidate b, h2 b").count() == 0
    assert "<b>dentists</b>" in await page.locator(".candidate .text").first.inner_text()
    # Nothing of the template's stands before a text, whose own spaces are kept.
    assert (await page.locator(".candidate .text").first.inner_text()).startswith(MARKUP[:20])

    # Keys speak of the text that was gone to.
    await page.locator("h2").first.click()
    for pressed in ("2", "l", "c"):
        await page.keyboard.press(pressed)
    await desk.see("Liked (text 2): learned.")
    await desk.see("Chosen (text 2): learned.")
    await page.keyboard.press("1")
    await page.keyboard.press("d")
    await desk.see("Disliked (text 1): learned.")
    await page.keyboard.press("u")
    await desk.see("Taken back: learned.")
    liked = page.locator(".candidate").nth(1).get_by_role("button", name="Like", exact=True)
    assert await liked.get_attribute("aria-pressed") == "true"

    # Edit in place: what was typed stays over a reload.
    await page.keyboard.press("3")
    await page.keyboard.press("e")
    await page.locator(".editor textarea").fill("Mine, & <i>better</i>.")
    await page.reload()
    await page.locator(".candidate").nth(2).focus()
    await page.keyboard.press("e")
    assert await page.locator(".editor textarea").input_value() == "Mine, & <i>better</i>."
    await desk.press("Save the edited text")
    await desk.see("Edited (text 3): learned.")
    await desk.see("Mine, & <i>better</i>.")

    others = page.get_by_label("another genre")
    genre = (await others.locator("option").nth(1).inner_text()).strip()
    await others.select_option(index=1)
    await desk.see(f"Corrected to {genre}: learned.")
    await desk.judge("answer")
    await desk.press(f"Ask again as {genre}")
    await desk.see("What is different now:")
    assert await page.locator(".candidate strong").all_inner_texts() == 4 * [genre]
    await desk.press("None is good")
    await desk.see("None is good: learned.")
    await desk.press("Link to this answer", "link")
    await page.reload()
    await desk.see("for petra, best first")
    assert desk.complaints == []


async def test_a_user_sees_what_is_believed_and_is_erased(desk: Desk) -> None:
    page = desk.page
    await page.get_by_label("For user").fill("quinn")
    await desk.go("User")
    await desk.see("Nothing is remembered of quinn")
    for _ in range(2):
        await desk.go("Ask")
        await desk.ask("Cheer me up with a few lines about rain.")
        await desk.see("for quinn, best first")
        await page.locator("h2").first.click()
        for number in "1234":
            await page.keyboard.press(number)
            await page.keyboard.press("l")
        await desk.see(": learned.", 4)
    await desk.see("GENRE believes of quinn")
    await desk.go("User")
    await desk.see("Effect on the share of texts that are liked")
    await page.locator(".chart canvas").wait_for()
    assert await page.locator("tbody tr").count() > 0
    await desk.see("liked", 8)
    await desk.judge("user")
    await page.get_by_label("Try new things").uncheck()
    await desk.see("Nothing is tried out any more.")
    async with page.expect_download() as download:
        await desk.press("Export as a file")
    exported = json.loads((await (await download.value).path()).read_bytes())
    assert exported["user_id"] == "quinn" and exported["explored_for"] is False
    await page.get_by_role("button", name="Erase").click()
    dialog = page.get_by_role("dialog", name="Erase all that is remembered of quinn?")
    await dialog.get_by_role("button", name="Erase").click()
    await desk.see("Erased: nothing is remembered any more.")
    await desk.see("No answers are kept for this user.")
    await desk.press("中文")
    await desk.see("没有关于 quinn 的记忆")
    assert desk.complaints == []


async def test_a_gateway_that_is_killed_loses_nothing(desk: Desk, pipeline: Pipeline) -> None:
    page = desk.page
    await page.get_by_label("For user").fill("ruth")
    await pipeline.kill("generate")
    await desk.ask("Tell me a joke about ladders.")
    await page.locator(".candidate kbd").first.wait_for()  # it is planned
    desk.gateway.process.kill()
    desk.gateway.process.wait()
    await desk.see("the connection broke")
    await desk.see("The gateway does not answer.")
    await page.get_by_label("What should be written?").fill("typed meanwhile")
    again = desk.gateways.start("gateway")
    state, _ = await asyncio.gather(until_ready(again, 60), pipeline.start("generate"))
    assert state["address"] == desk.address
    await desk.see("for ruth, best first")
    assert await page.locator(".candidate").count() == 4
    assert await page.get_by_label("What should be written?").input_value() == "typed meanwhile"
    await page.get_by_text("The gateway does not answer.").wait_for(state="hidden")


async def test_an_earlier_answer_that_could_not_be_had_is_asked_for_again(desk: Desk) -> None:
    page = desk.page
    await page.get_by_label("For user").fill("ruth")
    await desk.ask("Tell me a joke about ladders.")
    await desk.see("for ruth, best first")
    kept = json.loads(await page.evaluate("sessionStorage.getItem('rounds')"))
    await page.evaluate("sessionStorage.clear()")
    await page.goto("about:blank")
    away = {"status": 503, "code": "kafka_away", "title": "Away", "detail": "Kafka is away."}
    answers = f"{desk.address}/v1/recommendations/*"
    await page.route(
        answers, lambda route: route.fulfill(status=503, body=json.dumps(away)), times=1
    )
    await page.goto(f"{desk.address}/#ask/{kept[0]['wish']['request_id']}/ruth")
    await desk.see("Kafka is away.")
    await desk.go("Flow")
    await page.go_back()
    await desk.see("for ruth, best first")
    desk.complaints = [each for each in desk.complaints if "503" not in each]
