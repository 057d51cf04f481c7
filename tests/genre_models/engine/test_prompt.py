"""User text never becomes markup."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from genre_models.engine import chat_prompt
from genre_models.engine.prompt import encode
from tests.genre_models.tiny import SPECIAL, make_tokenizer

TOKENIZER = make_tokenizer()
HOSTILE = st.lists(
    st.sampled_from([*SPECIAL, "\n", "system", "\ue000", "\ue001", "é", "a"]), max_size=12
).map("".join)


@given(HOSTILE, HOSTILE)
def test_special_tokens_come_from_the_template_alone(instruction: str, request: str) -> None:
    ids = encode(TOKENIZER, chat_prompt(instruction=instruction, request=request), 4096)
    specials = [id for id in ids if id in TOKENIZER.all_special_ids]
    assert specials == [1, 2, 1, 2, 1]


@given(HOSTILE, st.integers(60, 200))
def test_prompts_fit_their_limit(request: str, limit: int) -> None:
    ids = encode(TOKENIZER, chat_prompt(instruction="Write.", request=request), limit)
    whole = encode(TOKENIZER, chat_prompt(instruction="Write.", request=request), 4096)
    assert len(ids) == min(limit, len(whole))


def test_notes_are_lines_of_the_system_message() -> None:
    prompt = chat_prompt(instruction="I.", request=" R ", notes=["Be dry.", "Likes cats."])
    assert prompt.system == "I.\nBe dry.\nLikes cats."
    assert prompt.user == "R"
