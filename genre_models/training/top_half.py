"""The upper layers of a model as a model; what is below the cut is frozen and run once a text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import torch
from peft import LoraConfig, get_peft_model, get_peft_model_state_dict, set_peft_model_state_dict
from torch.nn import functional
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.utils.rnn import pad_sequence

from genre_models.adapters.sites import LINEARS
from genre_models.training.recipe import Recipe
from genre_models.training.texts.examples import Example

BATCH = 16  # texts that the frozen layers are run for at a time


@dataclass(frozen=True, slots=True)
class Lowered:
    """An example and its hidden states below the cut, [tokens - 1, hidden].

    Nothing follows the last token.
    """

    example: Example
    hidden: torch.Tensor

    @property
    def targets(self) -> torch.Tensor:
        """The tokens that the loss counts."""
        return torch.tensor(self.example.ids[self.example.start :], device=self.hidden.device)

    @property
    def counts(self) -> torch.Tensor:
        """How often each of them counts; one where the request names nothing."""
        return torch.tensor(self.example.counts, device=self.hidden.device)


class _Prefix:
    """A cache for transformers: one layer's keys and values of the tokens all rows begin with."""

    def __init__(self) -> None:
        self._kept: tuple[torch.Tensor, ...] = ()

    def update(
        self, keys: torch.Tensor, values: torch.Tensor, _layer: int
    ) -> tuple[torch.Tensor, ...]:
        """The first call keeps; the second puts what was kept before every row's own.

        What is kept is [1, heads, prefix, width].
        """
        if not self._kept:
            self._kept = keys, values
            return self._kept
        return tuple(
            torch.cat([kept.expand(len(own), -1, -1, -1), own], 2)
            for kept, own in zip(self._kept, (keys, values), strict=True)
        )


class TopHalf:
    """A peft model of which only the layers from `cut` on are run. Llama-like models only.

    It computes where the model lies; with `bf16` of the recipe in mixed precision, all its losses
    alike.
    """

    def __init__(self, model: Any, recipe: Recipe) -> None:
        layers = model.config.num_hidden_layers
        self.cut = layers - round(layers * recipe.top_layers)
        self.config = LoraConfig(
            task_type="CAUSAL_LM",
            r=recipe.rank,
            lora_alpha=recipe.alpha,
            target_modules=list(LINEARS),
            layers_to_transform=list(range(self.cut, layers)),
        )
        torch.manual_seed(recipe.seed)
        self.peft: Any = get_peft_model(model, self.config)
        self._bf16 = recipe.bf16
        self._device = model.device
        self._decoder: Any = model.model
        self._head: Any = model.lm_head

    @torch.no_grad()
    def lower(self, examples: Sequence[Example]) -> list[Lowered]:
        """Run the frozen layers."""
        order = sorted(range(len(examples)), key=lambda index: len(examples[index].ids))
        lowered: dict[int, Lowered] = {}
        for at in range(0, len(order), BATCH):
            indices = order[at : at + BATCH]
            with self._computing():
                states = list(self._lower([examples[index] for index in indices]))
            lowered |= zip(indices, states, strict=True)
        return [lowered[index] for index in range(len(examples))]

    def weights(self) -> dict[str, torch.Tensor]:
        """A copy of the adapter by peft's names."""
        return {
            name: weight.detach().cpu().clone()
            for name, weight in get_peft_model_state_dict(self.peft).items()
        }

    def load(self, weights: Mapping[str, torch.Tensor]) -> None:
        """Put an adapter of the same sites and rank in place of the present one."""
        set_peft_model_state_dict(self.peft, dict(weights))

    def losses(self, batch: Sequence[Lowered]) -> torch.Tensor:
        """Negative log-likelihood in nats of every target token of the batch, [tokens]."""
        targets = torch.cat([item.targets for item in batch])
        return functional.cross_entropy(self.scores(batch), targets, reduction="none")

    @torch.no_grad()
    def loss(self, checked: Sequence[Lowered], batch: int) -> float:
        """Mean over all target tokens, in nats."""
        order = sorted(range(len(checked)), key=lambda index: len(checked[index].hidden))
        parts = [
            self.losses([checked[index] for index in order[at : at + batch]])
            for at in range(0, len(order), batch)
        ]
        return float(torch.cat(parts).mean())

    def scores(self, batch: Sequence[Lowered]) -> torch.Tensor:
        """Logits before every target token of the batch, [tokens, vocabulary]."""
        with self._computing():
            return self._scores(batch)

    def _scores(self, batch: Sequence[Lowered]) -> torch.Tensor:
        shared = _shared([item.example for item in batch])
        own = pad_sequence([item.hidden[shared:] for item in batch], batch_first=True)
        _, own = self._run(batch[0].hidden[None, :shared], own, self.cut, None)
        own = self._decoder.norm(own)
        answers = [
            own[row, item.example.start - 1 - shared :][: len(item.targets)]
            for row, item in enumerate(batch)
        ]
        logits: torch.Tensor = self._head(torch.cat(answers)).float()
        return logits

    def _computing(self) -> ExitStack:
        """The precision, and on a CPU the attention that is quick there.

        The gradient of its fused attention takes a quarter of all time in bf16.
        """
        with ExitStack() as stack:
            stack.enter_context(
                torch.autocast(self._device.type, dtype=torch.bfloat16, enabled=self._bf16)
            )
            if self._device.type == "cpu":
                stack.enter_context(sdpa_kernel(SDPBackend.MATH))
            return stack.pop_all()

    def _lower(self, examples: Sequence[Example]) -> Iterator[Lowered]:
        shared = _shared(examples)
        ids = pad_sequence(
            [torch.tensor(example.ids[:-1], device=self._device) for example in examples],
            batch_first=True,
        )
        embedded = self._decoder.embed_tokens(ids)
        prefix, own = self._run(embedded[:1, :shared], embedded[:, shared:], 0, self.cut)
        for example, states in zip(examples, own, strict=True):
            yield Lowered(example, torch.cat([prefix[0], states[: len(example.ids) - 1 - shared]]))

    def _run(
        self, prefix: torch.Tensor, own: torch.Tensor, first: int, last: int | None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Layers `first` to `last` over common and own tokens.

        Those that all rows begin with are [1, prefix, hidden]; each row's own, [rows, tokens,
        hidden], are padded on the right: a causal mask is all they need.
        """
        begin, end = prefix.shape[1], prefix.shape[1] + own.shape[1]
        turns = self._decoder.rotary_emb(
            own, position_ids=torch.arange(end, device=own.device)[None]
        )
        early, late = (
            tuple(turn[:, part] for turn in turns) for part in (slice(begin), slice(begin, end))
        )
        causal = torch.ones(end - begin, end, dtype=torch.bool, device=own.device).tril(begin)
        mask = causal[None, None]
        for layer in self._decoder.layers[first:last]:
            kept = _Prefix() if begin else None
            if kept:
                prefix = layer(prefix, position_embeddings=early, past_key_values=kept)
            own = layer(own, attention_mask=mask, position_embeddings=late, past_key_values=kept)
        return prefix, own


def _shared(examples: Sequence[Example]) -> int:
    """How many tokens all prompts begin with; each keeps its last, which predicts the text."""
    prompts = [example.ids[: example.start - 1] for example in examples]
    least, most = min(prompts), max(prompts)
    return next(
        (at for at, pair in enumerate(zip(least, most, strict=False)) if pair[0] != pair[1]),
        len(least),
    )
