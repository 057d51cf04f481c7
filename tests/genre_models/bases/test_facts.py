"""What is told of a prepared base model."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from genre_models.bases.card import read_about
from genre_models.bases.facts import Facts
from genre_models.engine.model import arithmetic
from genre_models.weights import prepare_base
from tests.genre_models.tiny import make_base


def test_a_model_of_ones_own_says_what_its_card_says(tmp_path: Path) -> None:
    make_base(tmp_path / "mine")
    card = "---\nlicense: apache-2.0\nlanguage:\n- en\n- de\n---\n# Mine\n"
    (tmp_path / "mine/README.md").write_text(card)
    facts = Facts.of(prepare_base(str(tmp_path / "mine"), tmp_path / "models"))
    assert (facts.licence, facts.languages, facts.context) == ("apache-2.0", "en, de", 1024)
    assert facts.kernel and facts.memory(fast=False) == 4 * facts.parameters
    assert facts.memory(fast=True) < facts.memory(fast=False)
    assert "LlamaForCausalLM" in " ".join(facts.lines())


@pytest.mark.parametrize("card", [None, "", "---\n[}\n---\n", "---\n- a\n---\n", "# No head"])
def test_a_card_that_says_nothing_is_no_error(card: str | None, tmp_path: Path) -> None:
    if card is not None:
        (tmp_path / "README.md").write_text(card)
    assert not any(read_about(tmp_path).values())


@pytest.mark.parametrize(("window", "kernel"), [(None, True), (1024, True), (512, False)])
def test_a_window_that_a_row_may_outgrow_is_left_to_transformers(
    window: int | None, kernel: bool, tmp_path: Path
) -> None:
    make_base(tmp_path)
    file = tmp_path / "config.json"
    mistral = {"model_type": "mistral", "architectures": ["MistralForCausalLM"]}
    said = json.loads(file.read_bytes()) | mistral | {"sliding_window": window}
    file.write_text(json.dumps(said))
    facts = Facts.of(tmp_path)
    assert facts.kernel is kernel and (arithmetic(tmp_path) is not None) is kernel
    assert (facts.memory(fast=True) < facts.memory(fast=False)) is kernel
