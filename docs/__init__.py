"""Pages about GENRE, and what draws them."""
