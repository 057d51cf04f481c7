"""Logs: a marker text goes in by every way in which libraries quote what they choked on."""

from __future__ import annotations

import asyncio
import gc
import io
import logging
import sys
import threading
import warnings
from collections.abc import Callable, Iterator

import orjson
import pytest
from mode import Service

from agents.failures import failure_of
from schemas.errors import InvalidEvent
from schemas.parts import Failure
from streams.logs import keep_texts_out
from streams.wire.source import Source
from streams.worker.delivery import Delivery

SECRET = "the-marker-text"
THEIRS = logging.getLogger("aiokafka.test")
SOURCE = Source(topic="genre.requests", partition=1, offset=7, timestamp=0.0, key=None, value=None)


@pytest.fixture
def logged() -> Iterator[Callable[[str], io.StringIO]]:
    """What a worker at a level has logged; all is put back afterwards."""
    root, before = logging.root, (logging.getLogRecordFactory(), logging.root.handlers[:])
    kafka = logging.getLogger("aiokafka")  # commands that ran in this process have silenced it
    silenced = kafka.level
    kafka.setLevel(logging.NOTSET)
    level, hooks = root.level, (sys.excepthook, sys.unraisablehook, threading.excepthook)

    def at(level: str) -> io.StringIO:
        output = io.StringIO()
        root.handlers[:] = [logging.StreamHandler(output)]
        root.setLevel(level)
        if level != "DEBUG":
            keep_texts_out()
        return output

    yield at
    kafka.setLevel(silenced)
    logging.captureWarnings(False)
    logging.setLogRecordFactory(before[0])
    root.handlers[:] = before[1]
    root.setLevel(level)
    sys.excepthook, sys.unraisablehook, threading.excepthook = hooks


def choke() -> Exception:
    try:
        try:
            orjson.loads(f'"{SECRET}')
        except ValueError as error:
            raise KeyError(SECRET) from error
    except KeyError as error:
        found = error
    return found


class Record:
    def __repr__(self) -> str:
        return SECRET


def speak() -> None:
    """Every way of ours and theirs."""
    error = choke()
    THEIRS.warning("failed: %s, %r", error, error)
    THEIRS.warning(error)
    THEIRS.error("failed", exc_info=error)
    THEIRS.exception("failed: %(why)s", {"why": error}, exc_info=error)
    Service().log.warning(f"Crashed {SECRET} reason=%r", error)
    with Delivery(event=None, source=SOURCE, id="1"):
        raise error
    failure_of(error, Failure(code="rank_failed", message="It could not be ranked."), "r1")
    THEIRS.warning("record %r of %s %d", Record(), SECRET, 7)
    THEIRS.warning("record %(value)s", {"value": SECRET.encode()})
    THEIRS.warning(f"record {SECRET}")
    THEIRS.warning(f"record {SECRET} %s", 7)
    THEIRS.warning("%d of them", Record())
    warnings.warn(SECRET, stacklevel=1)
    sys.excepthook(type(error), error, None)
    thread = threading.Thread(target=fail)
    thread.start()
    thread.join()


def fail() -> None:
    raise ValueError(SECRET)


async def forgotten() -> None:
    asyncio.get_running_loop().create_task(failing())
    await asyncio.sleep(0)
    gc.collect()


async def failing() -> None:
    fail()


@pytest.mark.filterwarnings("ignore")
def test_no_text_is_logged_unless_asked_for(
    logged: Callable[[str], io.StringIO], capfd: pytest.CaptureFixture[str]
) -> None:
    output = logged("INFO")
    speak()
    asyncio.run(forgotten())
    said = output.getvalue() + "".join(capfd.readouterr())
    assert SECRET not in said.replace("Arguments: (<Record>,)", "")
    for told in ("failed: KeyError", "from JSONDecodeError", "record <Record> of <str> 7"):
        assert told in said
    assert "GENRE_LOG_LEVEL=DEBUG" in said and "a thread met" in said


def test_what_genre_raised_is_told_in_its_own_words(
    logged: Callable[[str], io.StringIO],
) -> None:
    output = logged("INFO")
    with Delivery(event=None, source=SOURCE, id="1"):
        raise InvalidEvent("not_json", "Expected JSON.")
    assert output.getvalue() == "genre.requests[1]@7: Expected JSON.\n"


def test_messages_of_faust_keep_their_words(logged: Callable[[str], io.StringIO]) -> None:
    output = logged("INFO")
    Service().log.warning("Drain messages raised: %r", choke())
    assert output.getvalue().startswith("[^Service]: Drain messages raised: KeyError")


def test_at_debug_everything_is_there(logged: Callable[[str], io.StringIO]) -> None:
    output = logged("DEBUG")
    THEIRS.error("failed", exc_info=choke())
    THEIRS.warning("record %r", SECRET)
    assert "Traceback" in output.getvalue() and output.getvalue().count(SECRET) >= 2
