"""Text generation with many adapters in one batch; torch is imported by implementations only."""

from __future__ import annotations

from genre_models.engine.generation import Engine, Finished, Generation, Piece, written
from genre_models.engine.prompt import Prompt, chat_prompt

__all__ = ["Engine", "Finished", "Generation", "Piece", "Prompt", "chat_prompt", "written"]
