"""Base models of one's own choice: what names one, whether it can be used, what is known of it."""

from genre_models.bases.source import Source

__all__ = ["Source"]
