"""How well requests are understood, and public texts classified."""
