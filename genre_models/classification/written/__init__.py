"""Requests written for this project, of which it is known what they ask for."""

from genre_models.classification.written.requests import (
    FOLDER,
    HELD_OUT,
    Request,
    held_out,
    learned,
    read_requests,
)

__all__ = ["FOLDER", "HELD_OUT", "Request", "held_out", "learned", "read_requests"]
