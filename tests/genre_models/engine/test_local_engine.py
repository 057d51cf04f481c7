"""The engine against transformers and peft, and the laws of its interface."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from peft import PeftModel
from transformers import LlamaForCausalLM

from genre_models.adapters import AdapterName, AdapterStore
from genre_models.engine import Finished, Generation, Piece, chat_prompt
from genre_models.engine.local_engine import LocalEngine
from genre_models.engine.prompt import encode, encode_apart
from genre_models.engine.sampling import Sampling, TorchReader, choose
from tests.genre_models.tiny import make_tokenizer

PROMPT = chat_prompt(instruction="Write.", request="About cats.")
OTHER = chat_prompt(
    instruction="Write, please, at some length.", request="About the sea in winter."
)


@pytest.fixture
def engine(base: Path, store: AdapterStore) -> LocalEngine:
    return LocalEngine.load(base, store, threads=1, rows=16, context=512)


def names(store: AdapterStore) -> list[str]:
    return [str(name) for name in store.names()]


def finish(engine: LocalEngine, rows: Sequence[Generation]) -> dict[str, Finished]:
    engine.submit(rows)
    ends: dict[str, Finished] = {}
    while not engine.idle:
        for event in engine.step():
            if isinstance(event, Finished):
                assert event.id not in ends
                ends[event.id] = event
    return ends


def reference(
    base: Path,
    store: AdapterStore,
    mixture: Sequence[tuple[str, float]],
    tokens: int,
    temperature: float = 0.0,
) -> list[int]:
    """Continuation of PROMPT by transformers and peft, without any cache; row's seed is 5, its
    top-p 0.9."""
    model = LlamaForCausalLM.from_pretrained(base).eval()
    for index, (name, _) in enumerate(mixture):
        folder = store.path(AdapterName.parse(name))
        if index == 0:
            model = PeftModel.from_pretrained(model, folder, adapter_name="a0")
        else:
            model.load_adapter(folder, adapter_name=f"a{index}")
    if mixture:
        weights = [weight for _, weight in mixture]
        model.add_weighted_adapter(
            [f"a{i}" for i in range(len(weights))], weights, "blend", combination_type="cat"
        )
        model.set_adapter("blend")
    ids = encode(make_tokenizer(), PROMPT, 512)
    start = len(ids)
    for position in range(tokens):
        sampling = Sampling(
            temperature=temperature,
            top_p=0.9,
            seed=5,
            position=position,
            repetition_penalty=1.1,
            written=frozenset(ids[start:]),
        )
        with torch.no_grad():
            (choice,) = choose(model(torch.tensor([ids])).logits[:, -1], [sampling], TorchReader())
        assert choice
        ids.append(choice.token)
    return ids[start:]


@pytest.mark.parametrize("weights", [(), (1.0,), (0.7, 0.6)])
def test_greedy_text_is_that_of_transformers_and_peft(
    engine: LocalEngine, base: Path, store: AdapterStore, weights: tuple[float, ...]
) -> None:
    mixture = tuple(zip(names(store), weights, strict=False))
    expected = make_tokenizer().decode(
        reference(base, store, mixture, 12), skip_special_tokens=True
    )
    row = Generation(id="a", prompt=PROMPT, blend=mixture, max_tokens=12, temperature=0)
    beside = [
        Generation(id=str(i), prompt=OTHER, adapter=name, max_tokens=9, seed=i)
        for i, name in enumerate(names(store))
    ]
    ends = finish(engine, [*beside, row])
    assert ends["a"].reason == "length"
    assert ends["a"].text == expected.rstrip("\ufffd")


def test_sampled_text_takes_one_random_number_a_position(
    engine: LocalEngine, base: Path, store: AdapterStore
) -> None:
    expected = make_tokenizer().decode(
        reference(base, store, (), 20, temperature=1.2), skip_special_tokens=True
    )
    row = Generation(id="a", prompt=PROMPT, max_tokens=20, temperature=1.2, top_p=0.9, seed=5)
    assert finish(engine, [row])["a"].text == expected.rstrip("\ufffd")


def test_adapters_change_the_text(engine: LocalEngine, store: AdapterStore) -> None:
    rows = [
        Generation(id=str(name), prompt=PROMPT, adapter=name, temperature=0)
        for name in (*names(store), None)
    ]
    assert len({end.text for end in finish(engine, rows).values()}) == 4


def test_text_depends_on_the_row_alone(engine: LocalEngine, store: AdapterStore) -> None:
    adapters = [*names(store), None]
    rows = [
        Generation(
            id=str(i),
            prompt=(PROMPT, OTHER)[i % 2],
            adapter=adapters[i % 4],
            max_tokens=8 + 5 * i,
            seed=i,
            temperature=1.5,
        )
        for i in range(9)
    ]
    together = finish(engine, rows)
    alone = {row.id: finish(engine, [row])[row.id] for row in rows}
    staggered = {}
    for row in rows:
        engine.submit([row])
        for _ in range(3):
            staggered.update(
                {event.id: event for event in engine.step() if isinstance(event, Finished)}
            )
    staggered.update(finish(engine, []))
    assert together == alone == staggered


@pytest.mark.parametrize("fast", [False, True])
def test_another_process_writes_the_same_text_beside_other_rows(
    base: Path, store: AdapterStore, fast: bool
) -> None:
    row = Generation(id="row", prompt=PROMPT, adapter=names(store)[0], max_tokens=24, seed=7)
    here = finish(LocalEngine.load(base, store, fast=fast, threads=2, rows=16, context=512), [row])[
        "row"
    ]
    command = [
        sys.executable,
        "-m",
        "tests.genre_models.another_process",
        str(base),
        str(store.root),
        str(fast),
    ]
    there = subprocess.run(command, capture_output=True, check=True, text=True).stdout
    assert here.tokens_out == 24 and json.loads(there) == [here.text, here.logprob]


@pytest.fixture(params=[True, False])
def anywhere(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the kernel, and as where none could be compiled."""
    if not request.param:
        monkeypatch.setattr("genre_models.engine.model._kernel", lambda config: None)


def counted(engine: LocalEngine, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Gets the number of tokens of each prefill."""
    read: list[int] = []
    original = engine._model.prefill

    def prefill(tokens: torch.Tensor, *args: object) -> torch.Tensor:
        read.append(len(tokens))
        return original(tokens, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(engine._model, "prefill", prefill)
    return read


@pytest.mark.usefixtures("anywhere")
def test_what_prompts_open_with_is_read_once_and_changes_no_text(
    base: Path, store: AdapterStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    instruction = "Write a text that is longer than what an engine reads in one step, and no more."
    rows = [
        Generation(
            id=f"{request} {adapter}",
            prompt=chat_prompt(instruction=instruction, request=request),
            adapter=adapter,
            max_tokens=6,
        )
        for request in ("About cats.", "About the sea.")
        for adapter in (names(store)[0], names(store)[1], None)
    ]
    kept = LocalEngine.load(base, store, threads=1, context=512)
    none = LocalEngine.load(base, store, threads=1, context=512, prefix_bytes=0)
    read = counted(kept, monkeypatch)
    first = finish(kept, rows[:3])
    begun, read[:] = sum(read), []
    assert first | finish(kept, rows[3:]) == finish(none, rows)
    assert sum(read) < begun / 2
    opening = encode_apart(make_tokenizer(), rows[0].prompt, 512)[0]
    assert all(list(key[1]) == opening[: len(key[1])] for key in kept._prefixes._blocks)


@pytest.mark.usefixtures("anywhere")
def test_a_candidate_for_which_there_was_no_room_reads_no_prompt_again(
    base: Path, store: AdapterStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = LocalEngine.load(base, store, threads=1, rows=2, context=512, prefix_bytes=0)
    many = LocalEngine.load(base, store, threads=1, rows=4, context=512, prefix_bytes=0)
    prompt = chat_prompt(instruction="Write.", request="About cats, " * 20)
    rows = [
        Generation(id=str(i), prompt=prompt, adapter=names(store)[0], max_tokens=4 + 3 * i, seed=i)
        for i in range(4)
    ]
    read = counted(few, monkeypatch)
    ends = finish(few, rows)
    assert ends == finish(many, rows)
    assert sum(read) < ends["0"].tokens_in + 2 * 65


def test_an_engine_keeps_its_threads_whoever_set_others_meanwhile(
    base: Path, store: AdapterStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = LocalEngine.load(base, store, threads=2, context=512)
    seen: set[int] = set()
    decode = engine._model.decode

    def counted(*inputs: torch.Tensor) -> torch.Tensor:
        seen.add(torch.get_num_threads())
        return decode(*inputs)

    monkeypatch.setattr(engine._model, "decode", counted)
    torch.set_num_threads(1)  # as an encoder does for a moment
    with ThreadPoolExecutor(1) as threads:
        threads.submit(finish, engine, [Generation(id="a", prompt=PROMPT, max_tokens=3)]).result()
    assert seen == {2}


def test_seeds_differ_and_temperature_zero_ignores_them(engine: LocalEngine) -> None:
    warm = [Generation(id=str(i), prompt=PROMPT, seed=i, temperature=1.0) for i in range(4)]
    cold = [replace(row, temperature=0.0) for row in warm]
    assert len({end.text for end in finish(engine, warm).values()}) == 4
    assert len({end.text for end in finish(engine, cold).values()}) == 1


def test_pieces_join_to_the_text_and_never_hold_half_a_character(engine: LocalEngine) -> None:
    engine.submit(
        [
            Generation(id=str(i), prompt=PROMPT, seed=i, temperature=2.0, max_tokens=40)
            for i in range(6)
        ]
    )
    pieces: dict[str, str] = defaultdict(str)
    ends = {}
    while not engine.idle:
        for event in engine.step():
            if isinstance(event, Piece):
                assert event.text
                pieces[event.id] += event.text
            else:
                ends[event.id] = event
    assert {id: end.text for id, end in ends.items()} == {id: pieces[id] for id in ends}
    assert all(not end.text.endswith("\ufffd") for end in ends.values())


def test_stop_strings_end_a_row_and_stay_out_of_it(engine: LocalEngine) -> None:
    free = finish(engine, [Generation(id="a", prompt=PROMPT, temperature=0, max_tokens=30)])["a"]
    word = free.text[5:8]
    ended = finish(
        engine, [Generation(id="a", prompt=PROMPT, temperature=0, max_tokens=30, stop=(word,))]
    )["a"]
    assert ended.reason == "stop"
    assert ended.text == free.text[: free.text.index(word)]


def test_cancel_while_waiting_and_while_running(engine: LocalEngine) -> None:
    engine.submit(
        [Generation(id=str(i), prompt=PROMPT, max_tokens=50, temperature=0) for i in range(18)]
    )
    engine.step()
    engine.cancel("0")
    engine.cancel("17")
    engine.cancel("nobody")
    news = {event.id: event for event in engine.step() if isinstance(event, Finished)}
    assert {id: event.reason for id, event in news.items()} == {"0": "cancelled", "17": "cancelled"}
    assert news["0"].tokens_out == 2 and news["17"].tokens_out == 0
    assert len(finish(engine, [])) == 16


def test_a_row_that_cannot_be_written_fails_alone(engine: LocalEngine, store: AdapterStore) -> None:
    rows = [
        Generation(id="good", prompt=PROMPT, max_tokens=5, temperature=0),
        Generation(id="missing", prompt=PROMPT, adapter="joke@000000000000"),
        Generation(id="path", prompt=PROMPT, adapter="../../etc/passwd"),
        Generation(id="long", prompt=PROMPT, max_tokens=500),
    ]
    ends = finish(engine, rows)
    assert ends["good"].tokens_out == 5
    codes = {id: end.code for id, end in ends.items()}
    assert codes == {
        "good": None,
        "missing": "adapter_missing",
        "path": "adapter_name",
        "long": "context_exceeded",
    }


def test_not_finite_logits_fail_their_row_only(base: Path, store: AdapterStore) -> None:
    engine = LocalEngine.load(base, store, threads=1, context=512)
    good, bad = (
        Generation(id=name, prompt=PROMPT, adapter=adapter, max_tokens=6)
        for name, adapter in zip(("good", "bad"), names(store), strict=False)
    )
    expected = finish(engine, [good])["good"]
    for _, high in engine._adapters.prefetch(bad.adapter or "").result().sites.values():
        high.fill_(torch.nan)
    ends = finish(engine, [good, bad])
    assert ends["bad"].code == "not_finite" and ends["good"] == expected


def test_long_prompts_lose_their_middle(engine: LocalEngine) -> None:
    long = chat_prompt(instruction="Write.", request="begin" + "x" * 2000 + "finish")
    end = finish(engine, [Generation(id="a", prompt=long, max_tokens=4)])["a"]
    ids = encode(make_tokenizer(), long, 512 - 4)
    text = make_tokenizer().decode(ids)
    assert end.tokens_in == len(ids) == 512 - 4 and len(text) < 1000
    assert "beginx" in text and "xfinish" in text and text.endswith("assistant\n")


def test_logprob_is_the_mean_over_the_written_tokens(engine: LocalEngine, base: Path) -> None:
    end = finish(engine, [Generation(id="a", prompt=PROMPT, max_tokens=1, temperature=0)])["a"]
    ids = encode(make_tokenizer(), PROMPT, 512)
    with torch.no_grad():
        logits = LlamaForCausalLM.from_pretrained(base).eval()(torch.tensor([ids])).logits[0, -1]
    assert end.logprob == pytest.approx(float(logits.log_softmax(-1).max()), abs=1e-4)
    assert np.isfinite(end.logprob)
