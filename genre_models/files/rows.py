"""What a file holds, one by one: JSON documents, or the rows of a table."""

from __future__ import annotations

from collections.abc import Iterator

from genre_models.files.documents import Document, documents
from genre_models.files.file import File
from genre_models.files.table import Columns, Row, table


def rows(file: File, columns: Columns) -> Iterator[Row | Document]:
    """Documents of a file of JSON; else the rows below a header that `columns` fit.

    Raises Rejected `bad_source` where what follows cannot be trusted: an array or a quotation mark
    that is not closed, no such header.
    """
    return documents(file) if file.is_json else table(file, columns)
