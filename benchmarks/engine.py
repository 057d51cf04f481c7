"""Tokens a second of the engine beside transformers + peft on the same machine.

64 new tokens a row, prompts included: (a) peft one request at a time, (b) peft's mixed batch,
(c) exact, (d) fast, (e) the matrices alone, (f) vLLM where `GENRE_VLLM` names a Python that has it.
All sample alike; vLLM alone ends a text where the model does.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from agents.base_model import base_folder
from agents.roles import share_cores
from benchmarks.agent import overhead
from benchmarks.registered import registered
from benchmarks.report import arguments, show
from benchmarks.vllm_server import vllm_tok_s
from genre_models.adapters import AdapterStore, BaseSpec, add_starters
from genre_models.engine import Finished, Generation, chat_prompt
from genre_models.engine.generation import TOP_K
from streams.settings import Settings

NEW = 64
ROWS, ADAPTERS = (1, 8, 16, 32), (1, 4, 8)
SUBJECTS = (
    "fog",
    "a lighthouse",
    "two dentists",
    "autumn",
    "a lazy cat",
    "trains",
    "the moon",
    "an old shoe",
)
HELD_OUT = ("joke", "poetry", "quote", "satirical_definition", "political_speech", "scripture")
HELD_OUT_TOKENS = 20_000

Figures = dict[str, float | None]


def rows(number: int, adapters: Sequence[str | None], first: int = 0) -> list[Generation]:
    """`number` requests of different users, over all of `adapters` in turn."""
    return [
        Generation(
            id=str(first + index),
            prompt=chat_prompt(
                instruction="Write a short text, nothing else.",
                request=f"Something about {SUBJECTS[index % len(SUBJECTS)]}, number {index}.",
            ),
            adapter=adapters[index % len(adapters)],
            max_tokens=NEW,
            seed=index,
            user=str(index),
        )
        for index in range(number)
    ]


class Ours:
    """The engine, exact or fast."""

    def __init__(
        self, settings: Settings, store: AdapterStore, *, fast: bool, most: int = 32
    ) -> None:
        from genre_models.engine.local_engine import LocalEngine

        self.engine = LocalEngine.load(
            base_folder(settings),
            store,
            fast=fast,
            threads=settings.model_threads,
            rows=most,
            context=512,
        )
        # Every row writes all of its tokens, as its peers are made to.
        self.engine.ends = frozenset()

    def tok_s(self, wanted: Sequence[Generation], repeats: int = 1) -> float:
        """Tokens a second, adapters in memory."""
        self._write(
            [
                Generation(id="warm", prompt=row.prompt, adapter=row.adapter, max_tokens=1)
                for row in wanted[:8]
            ]
        )
        return max(self._write(wanted) for _ in range(repeats))

    def _write(self, wanted: Sequence[Generation]) -> float:
        begun, tokens = time.perf_counter(), 0
        self.engine.submit(wanted)
        while not self.engine.idle:
            tokens += sum(
                event.tokens_out for event in self.engine.step() if isinstance(event, Finished)
            )
        return tokens / (time.perf_counter() - begun)


class Peft:
    """transformers + peft with the same adapters and the same sampling."""

    def __init__(self, settings: Settings, store: AdapterStore, names: Sequence[str]) -> None:
        from peft import PeftModel
        from transformers import AutoModelForCausalLM, AutoTokenizer

        base = base_folder(settings)
        self._tokenizer = AutoTokenizer.from_pretrained(
            base, local_files_only=True, padding_side="left"
        )
        model = AutoModelForCausalLM.from_pretrained(base, local_files_only=True)
        self._called = {name: f"a{index}" for index, name in enumerate(names)}
        folders = [str(store.root / name) for name in names]
        self._model = PeftModel.from_pretrained(model, folders[0], adapter_name="a0").eval()
        for index, folder in enumerate(folders[1:], 1):
            self._model.load_adapter(folder, adapter_name=f"a{index}")

    def one_tok_s(self, wanted: Sequence[Generation]) -> float:
        """One request at a time, `set_adapter` between."""
        begun = time.perf_counter()
        for row in wanted:
            self._model.set_adapter(self._called[row.adapter or ""])
            write_plainly(self._model, self._tokenizer, [row])
        return len(wanted) * NEW / (time.perf_counter() - begun)

    def mixed_tok_s(self, wanted: Sequence[Generation]) -> float:
        """All at once with `adapter_names`."""
        begun = time.perf_counter()
        names = [self._called[row.adapter or ""] for row in wanted]
        write_plainly(self._model, self._tokenizer, wanted, adapter_names=names)
        return len(wanted) * NEW / (time.perf_counter() - begun)


def write_plainly(
    model: Any, tokenizer: Any, wanted: Sequence[Generation], new: int = NEW, **options: list[str]
) -> None:
    """`new` tokens of every row by transformers' `generate`, sampled as the engine samples."""
    import torch

    from genre_models.engine.prompt import encode

    prompts = [{"input_ids": encode(tokenizer, row.prompt, 512)} for row in wanted]
    row = wanted[0]
    with torch.inference_mode():
        model.generate(
            **tokenizer.pad(prompts, return_tensors="pt"),
            **options,
            do_sample=True,
            temperature=row.temperature,
            top_p=row.top_p,
            top_k=TOP_K,
            repetition_penalty=row.repetition_penalty,
            min_new_tokens=new,
            max_new_tokens=new,
            pad_token_id=tokenizer.pad_token_id,
        )


def roofline_tok_s(settings: Settings, number: int, *, fast: bool) -> float:
    """Rows a second through the matrices of the base model alone, random weights of its shapes."""
    import torch

    from genre_models.engine.linear import Exact, Fast, Linear

    spec = BaseSpec.load(base_folder(settings))
    h, m = spec.hidden, spec.intermediate
    shapes = [
        (h, spec.query + 2 * spec.key_value),
        (spec.query, h),
        (h, 2 * m),
        (m, h),
    ] * spec.layers + [(h, 49_152)]
    with torch.inference_mode():
        made: list[tuple[Linear, torch.Tensor]] = []
        for inputs, outputs in shapes:
            weight = torch.randn(outputs, inputs)
            made.append(
                (Fast(weight).product if fast else Exact(weight), torch.rand(number, inputs))
            )
        return number / _fastest(lambda: [matrix(x) for matrix, x in made], 8)


def _fastest(work: Callable[[], object], repeats: int) -> float:
    def once() -> float:
        begun = time.perf_counter()
        work()
        return time.perf_counter() - begun

    return min(once() for _ in range(repeats + 1))


def perplexities(settings: Settings, folder: Path, *, tokens: int = HELD_OUT_TOKENS) -> Figures:
    """Held-out texts of six genres, each under its own adapter, exact and fast.

    A token of a text counts once.
    """
    store = AdapterStore(folder / "starters", BaseSpec.load(base_folder(settings)))
    add_starters(store)
    from transformers import AutoTokenizer

    from genre_models.corpora.corpus import load_corpus
    from genre_models.packages import DEFAULT_CACHE

    tokenizer = AutoTokenizer.from_pretrained(base_folder(settings), local_files_only=True)
    texts: list[tuple[str, list[int]]] = []
    corpora = {genre: list(load_corpus(genre, DEFAULT_CACHE).held_out) for genre in HELD_OUT}
    while tokens > 0 and any(corpora.values()):  # genres in turn: some have few held-out texts
        for genre, left in corpora.items():
            if left:
                texts.append(
                    (str(store.newest(genre)), tokenizer(left.pop(0).text).input_ids[:257])
                )
                tokens -= len(texts[-1][1]) - 1
    nats = {fast: _nats(settings, store, texts, fast=fast) for fast in (False, True)}
    counted = sum(len(ids) - 1 for _, ids in texts)
    return {
        "ppl_exact": float(np.exp(nats[False] / counted)),
        "ppl_ratio_fast": float(np.exp((nats[True] - nats[False]) / counted)),
        "ppl_tokens": float(counted),
    }


def _nats(
    settings: Settings, store: AdapterStore, texts: Sequence[tuple[str, list[int]]], *, fast: bool
) -> float:
    import torch

    from genre_models.adapters import AdapterName
    from genre_models.engine.fidelity import nats
    from genre_models.engine.model import load_model

    with torch.inference_mode():
        model, _ = load_model(base_folder(settings), slots=1, context=512, fast=fast)
        used = {name for name, _ in texts}
        adapters = {name: model.prepare(store.verified(AdapterName.parse(name))) for name in used}
    return sum(nats(model, ids, ((adapters[name], 1.0),)) for name, ids in texts if len(ids) > 1)


def zipf_over_8(ours: Ours, thousand: Sequence[str]) -> float:
    """Tokens a second with Zipf traffic over 1,000 adapters, in parts of the same with 8."""
    chance = np.random.default_rng(0)
    ranks = np.minimum(chance.zipf(1.2, 96) - 1, len(thousand) - 1)
    drawn = [thousand[rank] for rank in ranks]
    few = ours.tok_s(rows(96, thousand[:8]))
    many = zip(rows(96, thousand[:1], 1000), drawn, strict=True)
    return ours.tok_s([replace(row, adapter=name) for row, name in many]) / few


def busy_over_idle(ours: Ours, wanted: Sequence[Generation]) -> float:
    """Tokens a second beside a process that keeps one core busy, over those without it."""
    idle = ours.tok_s(wanted)
    neighbour = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        return ours.tok_s(wanted) / idle
    finally:
        neighbour.kill()
        neighbour.wait()


def rss_mb() -> float:
    """Peak memory of a process that works like the generate role: fast, 16 rows, 8 adapters."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.generate_memory"], capture_output=True, check=True
    )
    return float(done.stdout.split()[-1])


def main() -> None:
    """Measure and print."""
    given = arguments(__doc__ or "")
    share_cores()
    settings = Settings.from_environment()
    with tempfile.TemporaryDirectory(prefix="genre-benchmark-") as folder:
        figures = measure(settings, Path(folder), quick=given.quick)
    show(figures, json=given.json)


class Progress(dict[str, float | None]):
    """Figures that are shown on standard error as they are measured: a run takes minutes."""

    def __setitem__(self, name: str, value: float | None) -> None:
        super().__setitem__(name, value)
        if value is not None:
            print(f"{name} {value:.3f}", file=sys.stderr, flush=True)


def measure(settings: Settings, folder: Path, *, quick: bool) -> Figures:
    """All figures; what --quick leaves out is None."""
    base = BaseSpec.load(base_folder(settings))
    store, names = registered(folder, base, 8 if quick else 1000)
    figures = Progress()
    engines = {mode: Ours(settings, store, fast=mode == "fast") for mode in ("exact", "fast")}
    peft = Peft(settings, store, names[:8])
    peft.one_tok_s(rows(1, names))  # first calls allocate
    figures["peft_one_tok_s"] = peft.one_tok_s(rows(2 if quick else 4, names))
    for number in ROWS:
        for adapters in ADAPTERS:
            wanted = (
                rows(number, names[:adapters]) if (number, adapters) == (16, 8) or not quick else []
            )
            key = f"tok_s_r{number}_a{adapters}"
            figures[f"peft_mixed_{key}"] = peft.mixed_tok_s(wanted) if wanted else None
            one = rows(number, names[:adapters]) if (number, adapters) == (1, 1) else wanted
            for mode, engine in engines.items():
                figures[f"{mode}_{key}"] = engine.tok_s(one, 1 if quick else 2) if one else None
    for number in ROWS:
        for name, fast in (("int8", True), ("fp32", False)):
            measured = not quick or number in (1, 16)
            figures[f"{name}_roofline_tok_s_r{number}"] = (
                roofline_tok_s(settings, number, fast=fast) if measured else None
            )
    figures["vllm_tok_s_r16_a8"] = vllm_tok_s(base_folder(settings), store, rows(16, names[:8]))
    figures["busy_over_idle"] = busy_over_idle(engines["fast"], rows(16, names[:8]))
    figures["zipf_1000_over_8"] = None if quick else zipf_over_8(engines["fast"], names)
    figures["rss_mb"] = None if quick else rss_mb()
    for name, share in overhead(settings).items():
        figures[name] = share
    figures |= perplexities(settings, folder)
    return figures | ratios(figures)


def ratios(figures: Figures) -> Figures:
    """What the engine is worth beside its peers."""

    def over(above: str, below: str) -> float | None:
        first, second = figures[above], figures[below]
        return None if first is None or second is None else first / second

    key = "tok_s_r16_a8"
    return {
        "exact_over_mixed": over(f"exact_{key}", f"peft_mixed_{key}"),
        "fast_over_mixed": over(f"fast_{key}", f"peft_mixed_{key}"),
        "fast_over_vllm": over(f"fast_{key}", f"vllm_{key}"),
        "exact_over_vllm": over(f"exact_{key}", f"vllm_{key}"),
        "fast_over_one": over(f"fast_{key}", "peft_one_tok_s"),
        "fast_one_row_over_one": over("fast_tok_s_r1_a1", "peft_one_tok_s"),
        "fast_over_roofline": over(f"fast_{key}", "int8_roofline_tok_s_r16"),
        "fast_one_row_over_roofline": over("fast_tok_s_r1_a1", "int8_roofline_tok_s_r1"),
        "eight_over_one_adapter": over(f"fast_{key}", "fast_tok_s_r16_a1"),
    }


if __name__ == "__main__":
    main()
