"""Files that people give, read as they would expect: which encoding, which rows, which line."""

from __future__ import annotations

from genre_models.files.documents import Document, documents
from genre_models.files.file import File
from genre_models.files.rows import rows
from genre_models.files.table import Columns, Row

__all__ = ["Columns", "Document", "File", "Row", "documents", "rows"]
