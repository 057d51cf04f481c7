"""multilingual-e5-small: embeddings of requests in any of a hundred languages."""

from genre_models.multilingual.encoder import Multilingual, MultilingualEncoder

__all__ = ["Multilingual", "MultilingualEncoder"]
