"""The upper layers of a model as a model of their own: what lies below the cut is frozen and computed once a text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from peft import LoraConfig, get_peft_model, get_peft_model_state_dict, set_peft_model_state_dict
from torch.nn import functional

from genre_models.adapters.sites import LINEARS
from genre_models.training.examples import Example
from genre_models.training.recipe import Recipe


@dataclass(frozen=True, slots=True)
class Lowered:
    """An example below the cut: hidden states [tokens - 1, hidden] and the tokens that follow each."""

    hidden: torch.Tensor
    targets: torch.Tensor
    start: int


class TopHalf:
    """A peft model of which only the layers from `cut` on are run. Llama-like models only."""

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
        self._decoder: Any = model.model
        self._head: Any = model.lm_head

    @torch.no_grad()
    def lower(self, examples: Sequence[Example]) -> list[Lowered]:
        """Run the frozen layers."""
        return [self._lower(example) for example in examples]

    def weights(self) -> dict[str, torch.Tensor]:
        """A copy of the adapter by peft's names."""
        return {name: weight.detach().clone() for name, weight in get_peft_model_state_dict(self.peft).items()}

    def load(self, weights: Mapping[str, torch.Tensor]) -> None:
        """Put an adapter of the same sites and rank in place of the present one."""
        set_peft_model_state_dict(self.peft, dict(weights))

    def losses(self, batch: Sequence[Lowered]) -> torch.Tensor:
        """Negative log-likelihood in nats of every target token of the batch, [tokens]."""
        targets = [item.targets[item.start - 1 :] for item in batch]
        return functional.cross_entropy(self.scores(batch), torch.cat(targets), reduction="none")

    @torch.no_grad()
    def loss(self, checked: Sequence[Lowered], batch: int) -> float:
        """Mean over all target tokens, in nats."""
        order = sorted(range(len(checked)), key=lambda index: len(checked[index].targets))
        parts = [
            self.losses([checked[index] for index in order[at : at + batch]]) for at in range(0, len(order), batch)
        ]
        return float(torch.cat(parts).mean())

    def scores(self, batch: Sequence[Lowered]) -> torch.Tensor:
        """Logits before every target token of the batch, [tokens, vocabulary]."""
        width = max(len(item.hidden) for item in batch)
        hidden = torch.stack([functional.pad(item.hidden, (0, 0, 0, width - len(item.hidden))) for item in batch])
        hidden = self._decoder.norm(self._run(hidden, self.cut, None))
        answers = [hidden[row, item.start - 1 : len(item.hidden)] for row, item in enumerate(batch)]
        logits: torch.Tensor = self._head(torch.cat(answers)).float()
        return logits

    def _lower(self, example: Example) -> Lowered:
        ids = torch.tensor(example.ids)
        hidden = self._run(self._decoder.embed_tokens(ids[None, :-1]), 0, self.cut)
        return Lowered(hidden[0].clone(), ids[1:], example.start)

    def _run(self, hidden: torch.Tensor, first: int, last: int | None) -> torch.Tensor:
        """Rows are padded on the right, so that plain causal attention needs no mask."""
        positions = torch.arange(hidden.shape[1])[None]
        rotation = self._decoder.rotary_emb(hidden, position_ids=positions)
        for layer in self._decoder.layers[first:last]:
            hidden = layer(hidden, attention_mask=None, position_ids=positions, position_embeddings=rotation)
        return hidden
