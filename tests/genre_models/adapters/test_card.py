from __future__ import annotations

from pathlib import Path

from genre_models.adapters import read_adapter
from genre_models.adapters.files import CARD
from tests.genre_models.adapters.conftest import BASE, code_of, edit


def test_the_card_may_not_name_a_path(folder: Path) -> None:
    edit(folder / CARD, genre="../../etc")
    assert code_of(lambda: read_adapter(folder, BASE)) == "adapter_config"
