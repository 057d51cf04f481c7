"""From trained tensors to the three files of an adapter, checked like anybody else's."""

from __future__ import annotations

import json
import math
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

import msgspec
import torch
from safetensors.torch import save

from genre_models.adapters import About, AdapterCard, AdapterName, BaseSpec, Lineage, read_adapter
from genre_models.adapters.config import plain_config
from genre_models.adapters.files import CARD, CONFIG, TENSORS
from genre_models.corpora import Corpus
from genre_models.training.recipe import Recipe
from genre_models.training.trainer import Trained


def publish(
    folder: Path,
    corpus: Corpus,
    family: str,
    trained: Trained,
    recipe: Recipe,
    base: BaseSpec,
    **known: Any,
) -> AdapterName:
    """Write the adapter to `folder` and verify it; `known` is what `pack` may be told.

    Raises ModelError when it would be refused.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name, content in pack(corpus, family, trained, recipe, base, **known).items():
        (folder / name).write_bytes(content)
    return read_adapter(folder, base).name


def pack(
    corpus: Corpus,
    family: str,
    trained: Trained,
    recipe: Recipe,
    base: BaseSpec,
    *,
    parent: str | None = None,
    tenant: str | None = None,
    about: About | None = None,
    command: str | None = None,
) -> dict[str, bytes]:
    """The contents of the three files by name, weights in fp16."""
    plain = plain_config(_sites(trained), recipe.rank, recipe.alpha)
    sources = "; ".join(dict.fromkeys(text.source for text in corpus.training))
    card = AdapterCard(
        genre=corpus.genre,
        family=family,
        base=base.fingerprint,
        lineage=Lineage(data=corpus.digest, recipe=asdict(recipe), parent=parent),
        metrics=_metrics(corpus, trained),
        licence=f"weights Apache-2.0; training texts {corpus.licence}: {sources}",
        tenant=tenant,
        about=about,
        command=command,
    )
    return {
        TENSORS: save(
            {
                name: weight.to(torch.float16).contiguous()
                for name, weight in trained.tensors.items()
            }
        ),
        CONFIG: (json.dumps(plain, indent=2) + "\n").encode(),
        CARD: msgspec.json.format(msgspec.json.encode(card), indent=2) + b"\n",
    }


def _sites(trained: Trained) -> set[str]:
    names = (name.removeprefix("base_model.model.") for name in trained.tensors)
    return {name.rpartition(".lora_")[0] for name in names}


def _metrics(corpus: Corpus, trained: Trained) -> dict[str, float]:
    return {
        "ppl_base": round(math.exp(trained.base_loss), 2),
        "ppl_adapter": round(math.exp(trained.loss), 2),
        "epochs": round(trained.epochs, 2),
        "training_texts": len(corpus.training),
        "held_out_texts": len(corpus.held_out),
        "target_tokens": trained.target_tokens,
    }
