"""Faust, and everything that is private to Faust."""
