"""The genres that GENRE knows, in two levels: families and genres, one TOML file a family."""

from genre_models.taxonomy.genre import Genre, noun_of
from genre_models.taxonomy.taxonomy import Taxonomy

__all__ = ["Genre", "Taxonomy", "noun_of"]
