"""`genre genres`: what can be asked for."""

from __future__ import annotations

from typing import Annotated

import typer

from agents.commands.setup import print_json
from agents.commands.terminal import console
from genre_models.taxonomy import Taxonomy


def genres(
    json: Annotated[bool, typer.Option("--json", help="One JSON object a genre.")] = False,
) -> None:
    """List the genres of the taxonomy with their families.

    Needs no Kafka.
    """
    from rich.table import Table

    shown = Table("genre", "family", "description")
    for genre in Taxonomy.load().genres.values():
        if json:
            print_json(
                {"genre": genre.id, "family": genre.family, "description": genre.description}
            )
        else:
            shown.add_row(genre.id, genre.family, genre.description)
    if not json:
        console().print(shown)
