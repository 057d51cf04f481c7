"""Text generation with many adapters in one batch. Importing this is light; torch comes with an
implementation."""

from __future__ import annotations

from genre_models.engine.generation import Engine, Finished, Generation, Piece
from genre_models.engine.prompt import Prompt, chat_prompt

__all__ = ["Engine", "Finished", "Generation", "Piece", "Prompt", "chat_prompt"]
