"""`genre up`: the embedded broker and every role on this machine, until Ctrl-C."""

from __future__ import annotations

import asyncio
import logging
import signal
import time
import webbrowser
from dataclasses import replace
from typing import Annotated

import typer

from agents.base_model import own_store
from agents.commands import demo as demonstration
from agents.commands.prepare import fit, is_fitted, is_tuned
from agents.commands.terminal import console
from agents.coverage import missing
from agents.supervisor import Supervisor
from streams.clients.embedded_broker import embedded_broker, free_port
from streams.clients.running import announced
from streams.clients.topic_admin import create
from streams.settings import Settings, has_desktop
from streams.wire.roles import ROLES

out = console()


def up(
    demo: Annotated[
        bool, typer.Option(help="Ask for five fields, react as a reader would, show what changed.")
    ] = False,
    partitions: Annotated[
        int, typer.Option(envvar="GENRE_PARTITIONS", help="Partitions of every topic.")
    ] = 1,
    tune: Annotated[
        bool,
        typer.Option(help="Make second opinions on harm in the background, if there are none."),
    ] = True,
) -> None:
    """Start a broker in memory and every role; stay until Ctrl-C.

    A role that ends is started again, later each time; when one ends six times in a row, all are
    stopped, and the exit code is 3.
    """
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    given = replace(Settings.from_environment(), partitions=partitions)
    if not is_fitted(given):  # the roles would, for longer than they are waited for
        fit(given)
    asyncio.run(_up(given, demo, tune and not is_tuned(given)))


async def _up(given: Settings, demo: bool, tune: bool) -> None:
    begun = time.monotonic()
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    async with embedded_broker(given) as broker:
        settings = replace(broker.settings, gateway_port=given.gateway_port or free_port())
        await create(settings)
        async with Supervisor(settings, logs=given.state / "logs") as supervisor:
            with announced(replace(settings, state=given.state)):
                work = asyncio.create_task(_work(supervisor, settings, demo, tune, begun, stopped))
                ending = asyncio.create_task(stopped.wait())
                failing = asyncio.create_task(supervisor.until_given_up())
                await asyncio.wait({work, ending, failing}, return_when=asyncio.FIRST_COMPLETED)
                out.print("stopping ...")
                # Without one of its roles GENRE is not up: the others are stopped, too.
                for task in (failing, work):
                    if task.done():
                        task.result()
                    task.cancel()
    out.print("stopped: every process that was started here has ended")


async def _work(
    supervisor: Supervisor,
    settings: Settings,
    demo: bool,
    tune: bool,
    begun: float,
    stopped: asyncio.Event,
) -> None:
    out.print(f"Kafka (embedded, in memory) at {settings.brokers}")
    for role in ROLES:
        supervisor.start(role)
    await supervisor.ready()
    supervisor.watch()
    out.print(f"every role is ready after {time.monotonic() - begun:.1f} s: {', '.join(ROLES)}")
    lacking = await asyncio.to_thread(lambda: missing(own_store(settings), settings))
    if lacking is not None:
        out.print(lacking)
    if demo:
        await demonstration.run(settings, out)
    if tune:
        log = supervisor.beside("safety", "tune")
        out.print(
            f"making second opinions on harm in the background, once, for an hour or two: {log}"
        )
    out.print(
        "\nUp until Ctrl-C. In another terminal, for instance:\n"
        '  genre ask "a joke about dentists" --user ada\n'
        "  genre rate 1 like --user ada\n"
        "  genre profile ada\n"
        "  genre tail recommendations\n"
    )
    page = f"http://{settings.gateway_host}:{settings.gateway_port}/"
    out.print(f"The page: {page} (what programs ask for: {page}openapi.json)")
    # Somebody watches: a terminal on a machine with a screen.
    if out.is_terminal and has_desktop():
        await asyncio.to_thread(webbrowser.open, page)
    await stopped.wait()
