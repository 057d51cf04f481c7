from __future__ import annotations

import pytest

from genre_models.adapters import AdapterName
from tests.genre_models.adapters.conftest import code_of


@pytest.mark.parametrize(
    "text",
    ["joke", "/joke@0123456789ab", "joke@../56789ab0", "Joke@0123456789ab", "joke@0123456789ab\n"],
)
def test_only_names_are_names(text: str) -> None:
    assert code_of(lambda: AdapterName.parse(text)) == "adapter_name"
