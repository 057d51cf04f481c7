"""`python -m docs`: whatever in the documents follows from the code, written anew."""

from __future__ import annotations

from docs import picture, tables
from streams.wire import asyncapi
from streams.wire.roles import ROLES
from streams.wire.topics import TOPICS

picture.PICTURE.write_text(picture.draw(tuple(ROLES.values()), TOPICS), "utf-8")
tables.PAGE.write_text(tables.renewed(tables.PAGE.read_text("utf-8")), "utf-8")
commands = tables.with_commands(tables.COMMANDS_PAGE.read_text("utf-8"))
tables.COMMANDS_PAGE.write_text(commands, "utf-8")
asyncapi.CHECKED_IN.write_bytes(asyncapi.printed(asyncapi.document()))
