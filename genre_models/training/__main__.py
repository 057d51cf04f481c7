"""Train an adapter from a genre's corpus: `python -m genre_models.training joke --out DIR`."""

from __future__ import annotations

import argparse
import logging
import sys
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from genre_models.adapters import BaseSpec
from genre_models.packages import DEFAULT_CACHE as CORPORA
from genre_models.training.publishing import publish
from genre_models.training.recipe import Recipe
from genre_models.training.texts.pool import Pool
from genre_models.training.trainer import train
from genre_models.weights import DEFAULT_CACHE as MODELS
from genre_models.weights import prepare_base


def main(arguments: list[str] | None = None) -> None:
    """Train one adapter; about ten minutes on two cores."""
    options = parser().parse_args(arguments)
    torch.set_num_threads(options.threads)
    recipe = recipe_of(options)
    base = prepare_base(options.base, options.models)
    pool = Pool.load(options.genre, recipe, options.corpora)
    training, held_out = pool.examples(AutoTokenizer.from_pretrained(base))
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    trained = train(model, training, held_out, recipe)
    name = publish(
        options.out,
        pool.corpus,
        pool.family,
        trained,
        recipe,
        BaseSpec.load(base),
        command=_command(options),
    )
    sys.stdout.write(
        f"{name}: held-out loss {trained.base_loss:.3f} -> {trained.loss:.3f} nats a token\n"
    )


def recipe_of(options: argparse.Namespace) -> Recipe:
    """The recipe that the options ask for."""
    return Recipe(
        texts=options.texts,
        requests=options.requests,
        epochs=options.epochs,
        learning_rate=options.rate,
        batch=options.batch,
        top_layers=options.top,
        named=options.named,
        bf16=options.bf16,
    )


def _command(options: argparse.Namespace) -> str:
    """What makes the adapter again, without folders, threads and the default recipe's numbers."""
    recipe = Recipe()
    words = [f"python -m genre_models.training {options.genre} --out DIR"]
    words += [f"--texts {options.texts} --epochs {options.epochs}"]
    words += [f"--requests {options.requests}"] if options.requests != recipe.requests else []
    words += [f"--rate {options.rate}"] if options.rate != recipe.learning_rate else []
    words += [f"--batch {options.batch}"] if options.batch != recipe.batch else []
    words += [f"--top {options.top}"] if options.top != recipe.top_layers else []
    words += [f"--named {options.named}"] if options.named != recipe.named else []
    return " ".join(
        [*words, *(["--bf16"] if options.bf16 else []), *(["--base NAME"] if options.base else [])]
    )


def parser() -> argparse.ArgumentParser:
    """What the command takes."""
    taken = argparse.ArgumentParser(prog="python -m genre_models.training", description=__doc__)
    taken.add_argument("genre", help="a genre with a corpus, or `pooled`: equal shares of all")
    taken.add_argument("--out", type=Path, required=True)
    taken.add_argument("--texts", type=int, default=Recipe().texts, help="training texts at most")
    taken.add_argument(
        "--requests", type=int, default=Recipe().requests, help="requests written for each text"
    )
    taken.add_argument("--epochs", type=int, default=Recipe().epochs)
    taken.add_argument("--rate", type=float, default=Recipe().learning_rate, help="learning rate")
    taken.add_argument("--batch", type=int, default=Recipe().batch, help="texts an update")
    taken.add_argument(
        "--top",
        type=float,
        default=Recipe().top_layers,
        help="share of the layers that get weights",
    )
    taken.add_argument(
        "--named",
        type=float,
        default=Recipe().named,
        help="how often a word counts that is asked for",
    )
    taken.add_argument(
        "--bf16", action="store_true", help="mixed precision, for CPUs with bf16 instructions"
    )
    taken.add_argument("--threads", type=int, default=2)
    taken.add_argument(
        "--base", help="a GGUF file, a folder or a Hugging Face id instead of the default model"
    )
    taken.add_argument("--models", type=Path, default=MODELS)
    taken.add_argument("--corpora", type=Path, default=CORPORA)
    return taken


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    main()
