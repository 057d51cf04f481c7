"""A base model of two layers with a byte-level tokenizer, and adapters for it: real code paths in
milliseconds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch
from safetensors.numpy import save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from genre_models.adapters import AdapterCard, BaseSpec, Lineage
from genre_models.adapters.sites import LINEARS

SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def make_tokenizer() -> PreTrainedTokenizerFast:
    """One token a byte, and three special tokens."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(
        models.BPE(vocab={token: id for id, token in enumerate([*SPECIAL, *alphabet])}, merges=[])
    )
    tokenizer.add_special_tokens(list(SPECIAL))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token=SPECIAL[1],
        eos_token=SPECIAL[2],
        pad_token=SPECIAL[2],
        unk_token=SPECIAL[0],
    )
    fast.chat_template = TEMPLATE
    return fast


def make_base(folder: Path, seed: int = 0) -> BaseSpec:
    """Write a prepared base to `folder`."""
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=259,
        hidden_size=48,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=6,
        num_key_value_heads=2,
        max_position_embeddings=1024,
        bos_token_id=1,
        eos_token_id=2,
        initializer_range=0.2,
    )
    model = LlamaForCausalLM(config)
    model.lm_head.weight.data[: len(SPECIAL)] = 0  # or a random model soon ends its text
    model.save_pretrained(folder)
    make_tokenizer().save_pretrained(folder)
    (folder / "fingerprint.txt").write_text(f"{seed:064x}\n")
    return BaseSpec.load(folder)


def make_adapter(
    folder: Path, base: BaseSpec, genre: str = "joke", seed: int = 1, **config: Any
) -> Path:
    """Write a valid adapter on the upper layer, with weights large enough to change the text."""
    chance, rank = np.random.default_rng(seed), 8
    tensors = {}
    for site, inputs, outputs in base.sites(LINEARS, (1,)):
        tensors[f"base_model.model.{site}.lora_A.weight"] = chance.normal(
            0, 0.3, (rank, inputs)
        ).astype(np.float16)
        tensors[f"base_model.model.{site}.lora_B.weight"] = chance.normal(
            0, 0.3, (outputs, rank)
        ).astype(np.float16)
    folder.mkdir(parents=True)
    save_file(tensors, folder / "adapter_model.safetensors")
    settings = {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "r": rank,
        "lora_alpha": 16,
        "bias": "none",
        "target_modules": list(LINEARS),
        "layers_to_transform": [1],
    }
    (folder / "adapter_config.json").write_text(json.dumps(settings | config))
    card = AdapterCard(
        genre=genre,
        family="humour",
        base=base.fingerprint,
        lineage=Lineage(data="0" * 64),
        metrics={},
        licence="CC0",
    )
    (folder / "genre.json").write_bytes(msgspec.json.encode(card))
    return folder
