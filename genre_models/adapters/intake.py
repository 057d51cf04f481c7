"""Taking in an adapter that was made elsewhere: it is written anew as the store's three files.

The numbers stay what they are, in their own type. Sites that the maker left out are filled with
zeros, so that what is kept is some linears of some layers, and the scale goes into `lora_alpha`, so
that nobody who reads the files later has to know of rsLoRA.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec

from genre_models.adapters.card import About, AdapterCard, Lineage, read_card
from genre_models.adapters.config import plain_config, scaling_of
from genre_models.adapters.files import CAPS, CARD, CONFIG, TENSORS, read_linked, read_object
from genre_models.adapters.foreign import check_foreign, targeted
from genre_models.adapters.name import AdapterName
from genre_models.adapters.sites import LINEARS, BaseSpec
from genre_models.adapters.store import AdapterStore
from genre_models.adapters.tensors import DTYPES, join, key_of, split
from schemas.errors import ModelError

KEY = re.compile(r"base_model\.model\.(.+)\.lora_([AB])\.weight")
UNKNOWN = "0" * 64  # digest of training texts that nobody told us
WORD = re.compile(r"[\w./@+~-]{1,200}", re.ASCII)
SHOWN = re.compile(r"[\w.-]{1,80}", re.ASCII)  # names of files that may go to a terminal


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a person says of an adapter; it comes before what its own `genre.json` says."""

    genre: str | None = None
    family: str | None = None
    licence: str | None = None
    about: About | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """An adapter that is in the store now, and what it was, in a line."""

    name: AdapterName
    line: str


def take(folder: Path, store: AdapterStore, wanted: Wanted) -> Taken:
    """Put what a folder of peft, Unsloth or a trainer holds into `store`, links followed.

    Three files that the store would take anyway keep their name. Other files are neither read nor
    kept. Raises ModelError, with nothing left in the store, and OSError.
    """
    given, left = read_linked(folder), _left(folder)
    if CARD in given and wanted == Wanted():
        with suppress(ModelError):  # said below, where it is not only a matter of form
            return Taken(name=store.put(given), line=f"taken as it is{left}")
    files, told = translated(given, store.base, wanted)
    return Taken(name=store.put(files), line=f"taken: {told}{left}")


def translated(
    given: Mapping[str, bytes], base: BaseSpec, wanted: Wanted
) -> tuple[dict[str, bytes], str]:
    """(the three files that the store keeps, what they are in words) of what a folder holds.

    Raises ModelError, but leaves the numbers to the store's own checks.
    """
    config = read_object(given[CONFIG], "adapter_config", CONFIG)
    check_foreign(config)
    sites = _sites(given[TENSORS], config, base)
    card = _card(given.get(CARD), config, wanted, base)
    return _files(sites, config, card, base), _told(sites, config)


@dataclass(frozen=True, slots=True)
class _Half:
    """A tensor as it lies in the file."""

    dtype: str
    shape: list[int]
    content: memoryview


def _sites(
    data: bytes, config: Mapping[str, Any], base: BaseSpec
) -> dict[str, tuple[_Half, _Half]]:
    """Module path -> (A, B) of every site that was trained."""
    header, body = split(data)
    halves: dict[str, dict[str, _Half]] = {}
    shapes = {site: size for site, *size in base.sites(LINEARS, tuple(range(base.layers)))}
    for key, entry in header.items():
        match = KEY.fullmatch(key)
        if not match or match[1] not in shapes:
            raise ModelError(
                "adapter_wrong_shape",
                f"expected LoRA on {', '.join(LINEARS)} of layers 0 to {base.layers - 1}, "
                f"got a tensor {key[:100]!r}",
            )
        site, half = match[1], match[2]
        inputs, outputs = shapes[site]
        shape = [config["r"], inputs] if half == "A" else [outputs, config["r"]]
        if entry.get("dtype") not in DTYPES or entry.get("shape") != shape:
            got = f"{entry.get('dtype')} {entry.get('shape')}"[:100]
            raise ModelError(
                "adapter_wrong_shape",
                f"expected {key} as BF16, F16 or F32 of shape {shape}, got {got}: "
                f"another rank, or {_base(config) or 'its base'} is not the base model set here",
            )
        start, end = entry["data_offsets"]
        halves.setdefault(site, {})[half] = _Half(entry["dtype"], shape, body[start:end])
    named = targeted(config, base)
    for site in sorted(named ^ halves.keys()) if named is not None else ():
        raise ModelError(
            "adapter_wrong_shape",
            f"expected tensors where {CONFIG} says, got a difference: {site} has "
            f"{'tensors and is not named' if site in halves else 'none'}",
        )
    if not halves or any(len(pair) < 2 for pair in halves.values()):
        site = next((site for site, pair in halves.items() if len(pair) < 2), "any site")
        raise ModelError("adapter_wrong_shape", f"expected lora_A and lora_B of {site}, got less")
    return {site: (pair["A"], pair["B"]) for site, pair in halves.items()}


def _files(
    sites: Mapping[str, tuple[_Half, _Half]],
    config: Mapping[str, Any],
    card: AdapterCard,
    base: BaseSpec,
) -> dict[str, bytes]:
    linears, layers, rank = _linears(sites), _layers(sites), config["r"]
    dtype = next(iter(sites.values()))[0].dtype
    tensors: dict[str, tuple[str, list[int], bytes | memoryview]] = {}
    for site, inputs, outputs in base.sites(linears, layers):
        empty = [
            _Half(dtype, shape, memoryview(bytes(DTYPES[dtype].itemsize * shape[0] * shape[1])))
            for shape in ([rank, inputs], [outputs, rank])
        ]
        for half, tensor in zip("AB", sites.get(site, empty), strict=True):
            tensors[key_of(site, half)] = tensor.dtype, tensor.shape, tensor.content
    plain = plain_config(sites, rank, scaling_of(config) * rank)
    return {
        CONFIG: json.dumps(plain, indent=2).encode() + b"\n",
        TENSORS: join(tensors),
        CARD: msgspec.json.format(msgspec.json.encode(card), indent=2) + b"\n",
    }


def _card(
    data: bytes | None, config: Mapping[str, Any], wanted: Wanted, base: BaseSpec
) -> AdapterCard:
    said = {
        field: getattr(wanted, field)
        for field in ("genre", "family", "licence", "about")
        if getattr(wanted, field) is not None
    }
    if data is not None:
        card = replace(read_card(data), **said)
    elif missing := [f"--{field}" for field in ("genre", "family", "licence") if field not in said]:
        raise ModelError(
            "adapter_card",
            f"expected {CARD} in the folder or, instead of it, {', '.join(missing)}: "
            "what the adapter writes, and on what terms it may be used",
        )
    else:
        recipe = {
            "made": "elsewhere",
            "base": _base(config),
            "peft": _plain(config, "peft_version"),
        }
        card = AdapterCard(
            base=base.fingerprint,
            lineage=Lineage(data=UNKNOWN, recipe=recipe),
            metrics={},
            **said,
        )
    return read_card(msgspec.json.encode(card))  # its rules hold for what a person says, too


def _told(sites: Mapping[str, tuple[_Half, _Half]], config: Mapping[str, Any]) -> str:
    dtypes = "/".join(sorted({half.dtype for pair in sites.values() for half in pair}))
    layers = _layers(sites)
    rank = f"rank {config['r']}{' with rsLoRA' if config.get('use_rslora') else ''}"
    maker = _plain(config, "peft_version")
    return (
        f"{rank}, scale {scaling_of(config):.4g}, {dtypes}, on {', '.join(_linears(sites))} of "
        f"{len(layers)} layers ({layers[0]} to {layers[-1]})"
        f"{f', of peft {maker}' if maker else ''}; it fits by its shapes, but whether "
        f"{_base(config) or 'its base'} had the weights of the base model here cannot be checked"
    )


def _left(folder: Path) -> str:
    names = sorted(path.name for path in folder.iterdir() if path.name not in CAPS)
    shown = [name for name in names if SHOWN.fullmatch(name)][:3]
    more = f" and {len(names) - len(shown)} more" if len(names) > len(shown) else ""
    return f"; left out: {', '.join(shown)}{more}" if names else ""


def _base(config: Mapping[str, Any]) -> str:
    """The base model's name, without folders of the maker's machine."""
    name = _plain(config, "base_model_name_or_path")
    revision = _plain(config, "revision")
    short = name.rstrip("/").rpartition("/")[2] if name.startswith(("/", "~", ".")) else name
    return f"{short}@{revision}" if short and revision else short


def _plain(config: Mapping[str, Any], key: str) -> str:
    """A word of the configuration as it may be shown and kept; others are none."""
    value = config.get(key)
    fit = isinstance(value, str) and WORD.fullmatch(value)
    return str(value) if fit else ""


def _linears(sites: Mapping[str, object]) -> tuple[str, ...]:
    used = {site.rpartition(".")[2] for site in sites}
    return tuple(sorted(used))


def _layers(sites: Mapping[str, object]) -> tuple[int, ...]:
    return tuple(sorted({int(site.split(".")[2]) for site in sites}))
