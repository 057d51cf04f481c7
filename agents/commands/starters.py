"""`genre starters train`: adapters of the genres that come with GENRE, for the base model here."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Annotated, Any

import typer

from agents.base_model import base_folder, stocked_store
from agents.commands.bar import bar
from agents.commands.setup import print_json, settings
from agents.commands.terminal import say
from agents.roles import share_cores
from genre_models import atomic
from genre_models.adapters import AdapterStore
from genre_models.packages import DEFAULT_CACHE

cli = typer.Typer(
    help="Train the adapters of the genres that come with GENRE.", no_args_is_help=True
)


@cli.callback()
def _of_starters() -> None:
    """Keeps `train` a command of its own."""


@cli.command()
def train(
    genres: Annotated[
        list[str] | None, typer.Argument(metavar="[GENRE]...", help="Default: all.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Put each into DIR/GENRE as well, in place of an older one.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON object an adapter.")] = False,
) -> None:
    """Make adapters for the base model that GENRE_BASE names, into this machine's store.

    They learn from the pairs and the free corpora that come with GENRE: first the pooled adapter,
    then each genre's goes on from it. What the same texts have made before is not made again, so
    the command goes on where a run was cut short. `generate` announces them when it starts.
    """
    share_cores()
    from genre_models.devices import device_of
    from genre_models.training.starters import pools, train_starters

    given = settings()
    device, store = device_of(given.device), stocked_store(given)
    made = []
    with bar("starters") as advance:
        wanted = pools(genres or (), DEFAULT_CACHE, device=device)
        for starter in train_starters(
            base_folder(given),
            store,
            wanted,
            threads=given.model_threads,
            device=device,
            advance=advance,
        ):
            made.append(starter)
            if out is not None:
                _export(store, str(starter.name), out / starter.name.genre)
    for starter in made:
        card = store.verified(starter.name).card
        _tell(str(starter.name), starter.seconds, card.metrics, json)


def _export(store: AdapterStore, name: str, folder: Path) -> None:
    atomic.make_anew(folder, lambda partial: shutil.copytree(store.root / name, partial))


def _tell(name: str, seconds: float | None, metrics: dict[str, Any], json: bool) -> None:
    before, after = metrics.get("ppl_base"), metrics.get("ppl_adapter")
    if json:
        rounded = None if seconds is None else round(seconds, 1)
        print_json({"name": name, "ppl_base": before, "ppl_adapter": after, "seconds": rounded})
        return
    took = "made before" if seconds is None else f"{seconds:.0f} s"
    say(f"{name}: held-out perplexity {before} to {after}, {took}")
