"""`genre servers command|check`: the servers that GENRE_ENGINE=openai sends its texts to."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Annotated, cast, get_args

import typer

from agents.base_model import base_folder, own_store, served_name
from agents.commands.setup import print_json
from agents.commands.terminal import say
from genre_models.engine.remote_check import Inspection, differing
from genre_models.engine.remote_commands import Launch, Needs, command, preparation
from genre_models.engine.remote_server import Kind
from schemas.errors import NotReady
from streams.settings import Settings

PATIENCE = 10.0  # seconds that a check waits for an answer

cli = typer.Typer(
    help="Print the commands that start servers; check running ones.", no_args_is_help=True
)

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
KindOf = Annotated[
    str | None,
    typer.Option(help="vllm, sglang, lorax or llamacpp; without it, GENRE_SERVER_KIND."),
]


@cli.command("command")
def command_(
    kind: KindOf = None,
    replicas: Annotated[int, typer.Option(min=1, max=64, help="Servers to start.")] = 1,
    host: Annotated[str, typer.Option(help="Where they listen: a private network.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=1, max=65535, help="Of the first; the next is one up.")
    ] = 8000,
    json: Json = False,
) -> None:
    """Print the commands that start servers for the base and the adapters here.

    Nothing is started. Servers must see the same folders.
    """
    given, of = Settings.from_environment(), _kind(kind)
    base, needs = base_folder(given), _needs(given, of)
    # LoRAX has no other name for a model than where it lies
    name = str(base) if of == "lorax" else served_name(given) or base.name
    launches = [
        Launch(host=host, port=port + each, base=base, name=name, files=given.state / "gguf")
        for each in range(replicas)
    ]
    lines = [
        _device(number, replicas) + command(of, launch, needs)
        for number, launch in enumerate(launches)
    ]
    addresses = ",".join(f"http://{launch.host}:{launch.port}" for launch in launches)
    settings = {
        "GENRE_ENGINE": "openai",
        "GENRE_SERVERS": addresses,
        "GENRE_SERVER_KIND": of,
        "GENRE_SERVER_MODEL": name,
    }
    before = preparation(of, launches[0], needs)
    if json:
        print_json({"before": before, "servers": lines, "settings": settings})
        return
    _section("once, in a checkout of llama.cpp", before)
    _section("each server, with a GPU of its own" if replicas > 1 else "the server", lines)
    _section("the generate workers", [f"export {key}={value}" for key, value in settings.items()])


@cli.command()
def check(
    version: Annotated[str | None, typer.Option(help="The version that they must have.")] = None,
    json: Json = False,
) -> None:
    """Say what is wrong with the servers of GENRE_SERVERS; exit code 1 if anything is.

    Nothing is loaded or changed. A vLLM tells its max_lora_rank only in VLLM_SERVER_DEV_MODE=1.
    """
    given = Settings.from_environment()
    kind = _kind(None)
    needs = _needs(given, kind)
    urls = given.server_list
    if not urls:
        raise NotReady("no_servers", "Expected http://host:port in GENRE_SERVERS, got none.")
    timeout = min(PATIENCE, given.server_timeout)
    inspections = [Inspection(url, kind, served_name(given), needs, timeout) for url in urls]
    with ThreadPoolExecutor(len(urls)) as pool:
        wrong = [line for lines in pool.map(Inspection.wrong, inspections) for line in lines]
    wrong += differing(inspections, version)
    if json:
        print_json({"wrong": wrong, "versions": {each.url: each.version for each in inspections}})
    else:
        say("\n".join(wrong) or "every server is as it must be")
    raise typer.Exit(1 if wrong else 0)


def _kind(wanted: str | None) -> Kind:
    kind = wanted or Settings.from_environment().server_kind
    if kind not in get_args(Kind):
        kinds = ", ".join(get_args(Kind))
        raise NotReady("bad_server", f"Expected a kind of {kinds}, got {kind!r}.")
    return cast(Kind, kind)


def _needs(given: Settings, kind: Kind) -> Needs:
    store = own_store(given)
    needs = Needs.of(store, kind, given.rows)
    if not needs.folders:
        say(f"no adapters in {store.root}: a generate worker puts them there", err=True)
    return needs


def _device(number: int, replicas: int) -> str:
    return f"CUDA_VISIBLE_DEVICES={number} " if replicas > 1 else ""


def _section(title: str, lines: list[str]) -> None:
    if lines:
        say("\n".join([f"# {title}", *lines]))
