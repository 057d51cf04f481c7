"""Base models of other sizes: seconds to load, peak memory, tokens a second beside transformers.

Random weights in bf16 of the shapes of SmolLM2-135M, Qwen2.5-0.5B and Qwen2.5-1.5B, made on the
spot; nothing is fetched. Each measurement has a process of its own: it loads the model and writes
32 tokens in one row, then in eight. `load_mb` is the peak of memory until it is loaded, `peak_mb`
that of all, with the rows' context; `imports_mb` of both are Python, torch and transformers.
transformers is measured in fp32, as exact computes, and in bf16, as the weights are stored.
`--quick` leaves out 1.5 billion parameters.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from itertools import islice, product
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from agents.roles import share_cores
from benchmarks.engine import Figures, Ours, Progress, rows, write_plainly
from benchmarks.generate_memory import peak_megabytes
from benchmarks.report import arguments, show
from genre_models.bases.facts import Facts
from genre_models.engine import Generation
from streams.settings import Settings

SIZES: dict[str, dict[str, Any]] = {
    "0.14b": {
        "model_type": "llama",
        "hidden_size": 576,
        "intermediate_size": 1536,
        "num_hidden_layers": 30,
        "num_attention_heads": 9,
        "num_key_value_heads": 3,
        "vocab_size": 49_152,
        "max_position_embeddings": 8192,
    },
    "0.5b": {
        "model_type": "qwen2",
        "hidden_size": 896,
        "intermediate_size": 4864,
        "num_hidden_layers": 24,
        "num_attention_heads": 14,
        "num_key_value_heads": 2,
        "vocab_size": 151_936,
        "max_position_embeddings": 32_768,
    },
    "1.5b": {
        "model_type": "qwen2",
        "hidden_size": 1536,
        "intermediate_size": 8960,
        "num_hidden_layers": 28,
        "num_attention_heads": 12,
        "num_key_value_heads": 2,
        "vocab_size": 151_936,
        "max_position_embeddings": 32_768,
    },
}
ROWS = (1, 8)
WRITTEN = 32  # tokens a row
SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")


def make(folder: Path, shape: dict[str, Any]) -> None:
    """A prepared base of this shape with random weights in bf16."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()
    torch.manual_seed(0)
    config = AutoConfig.for_model(**shape, tie_word_embeddings=True, eos_token_id=2)
    AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16).save_pretrained(folder)
    _tokenizer(shape["vocab_size"]).save_pretrained(folder)
    (folder / "fingerprint.txt").write_text(f"{shape['hidden_size']:064x}\n")


def _tokenizer(size: int) -> Any:
    """Bytes, then pairs and triples of them, until there are `size` tokens."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    pairs = list(product(alphabet, alphabet))
    triples = ((first + second, third) for (first, second), third in product(pairs, alphabet))
    merges = list(islice([*pairs, *islice(triples, size)], size - len(SPECIAL) - len(alphabet)))
    tokens = [*SPECIAL, *alphabet, *(left + right for left, right in merges)]
    bpe = models.BPE(vocab={token: number for number, token in enumerate(tokens)}, merges=merges)
    tokenizer = Tokenizer(bpe)
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    end = {"eos_token": SPECIAL[2], "pad_token": SPECIAL[2]}
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, **end)


def plain(number: int) -> list[Generation]:
    """`number` rows without adapters."""
    return [replace(row, max_tokens=WRITTEN) for row in rows(number, [None])]


def ours(base: Path, mode: str) -> Figures:
    """The engine, `exact` or `fast`."""
    share_cores()
    from transformers import AutoTokenizer  # noqa: F401 - the floor: what loading imports
    from transformers.models.llama import modeling_llama  # noqa: F401

    from genre_models.adapters import AdapterStore, BaseSpec
    from genre_models.engine import local_engine  # noqa: F401

    floor = peak_megabytes()
    settings = replace(Settings.from_environment(), base=str(base), models=base.parent)
    store = AdapterStore(base / "adapters", BaseSpec.load(base))
    begun = time.perf_counter()
    engine = Ours(settings, store, fast=mode == "fast", most=max(ROWS))
    figures: Figures = {f"{mode}_load_s": time.perf_counter() - begun, "imports_mb": floor}
    figures[f"{mode}_load_mb"] = peak_megabytes()
    for number in ROWS:
        figures[f"{mode}_tok_s_r{number}"] = engine.tok_s(plain(number))
    return figures | {f"{mode}_peak_mb": peak_megabytes()}


def transformers(base: Path, kind: str) -> Figures:
    """transformers' `generate`, its weights in `fp32` or `bf16`."""
    share_cores()
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()
    torch.set_num_threads(Settings.from_environment().model_threads)
    tokenizer = AutoTokenizer.from_pretrained(base, local_files_only=True, padding_side="left")
    dtype = {"fp32": torch.float32, "bf16": torch.bfloat16}[kind]
    model = AutoModelForCausalLM.from_pretrained(base, local_files_only=True, dtype=dtype).eval()
    write_plainly(model, tokenizer, plain(1), new=1)  # first calls allocate
    figures: Figures = {}
    for number in ROWS:
        begun = time.perf_counter()
        write_plainly(model, tokenizer, plain(number), new=WRITTEN)
        seconds = time.perf_counter() - begun
        figures[f"transformers_{kind}_tok_s_r{number}"] = number * WRITTEN / seconds
    return figures


def alone(work: Callable[..., Any], *given: Any) -> Any:
    """What `work` returns in a process of its own, so that its peak of memory is its own."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(work, *given).result()


def measure(name: str, base: Path) -> Iterator[tuple[str, float | None]]:
    """All figures of one size."""
    alone(make, base, SIZES[name])
    figures: Figures = {"weights_mb": Facts.of(base).memory(fast=True) / 2**20}
    for mode in ("exact", "fast"):
        figures |= alone(ours, base, mode)
    for kind in ("fp32", "bf16"):
        figures |= alone(transformers, base, kind)
    for key, value in (figures | ratios(figures)).items():
        yield f"{name}_{key}", value


def ratios(figures: Mapping[str, float | None]) -> Figures:
    """Fast's memory over that of its weights, its speed over transformers'."""
    of = {key: value for key, value in figures.items() if value is not None}
    speeds: Figures = {
        f"fast_over_transformers_{kind}_r{number}": of[f"fast_tok_s_r{number}"]
        / of[f"transformers_{kind}_tok_s_r{number}"]
        for kind in ("fp32", "bf16")
        for number in ROWS
    }
    return speeds | {
        "fast_load_over_weights": (of["fast_load_mb"] - of["imports_mb"]) / of["weights_mb"],
        "fast_load_over_weights_with_imports": of["fast_load_mb"] / of["weights_mb"],
    }


def main() -> None:
    """Measure and print."""
    given = arguments(__doc__ or "")
    figures = Progress()
    for name in SIZES:
        with tempfile.TemporaryDirectory(prefix="genre-benchmark-") as folder:
            if not (given.quick and name == "1.5b"):
                for key, value in measure(name, Path(folder) / "base-random"):
                    figures[key] = value
    show(figures, json=given.json)


if __name__ == "__main__":
    main()
