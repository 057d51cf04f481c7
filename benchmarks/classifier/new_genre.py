"""What ten requests teach of a genre that a head has seen nothing of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from benchmarks.classifier.measures import Figure, share
from genre_models.classification.classifier import Classifier
from genre_models.classification.examples import Example, of_requests
from genre_models.classification.linear_head import Examples, LinearHead, some
from genre_models.classification.written import held_out
from genre_models.encoder import LayeredEncoder, SideBySide
from genre_models.taxonomy import Taxonomy

SHOTS = 10


def ten_shots(classifier: Classifier, encoder: LayeredEncoder, genres: int) -> dict[str, Figure]:
    """Share of a new genre's kept requests that find it; of the others' before and after."""
    taxonomy, asked = Taxonomy.load(), [*held_out()["plain"], *held_out()["implied"]]
    points = classifier.points["requests"]
    examples = [each for each in of_requests(taxonomy) if each.text in points]
    known = np.stack([points[each.text] for each in examples]).astype(np.float32)
    rows = SideBySide(encoder).encode([each.text for each in asked])
    told = classifier.heads["requests"].points(rows)
    new, before, after = [], [], []
    for genre in list(taxonomy.genres)[:: len(taxonomy.genres) // genres][:genres]:
        rest = [row for row, each in enumerate(examples) if each.label != genre]
        head = LinearHead.fit(_taken(examples, known, rest))
        labels = [examples[row].label for row in rest]
        own = [row for row, each in enumerate(examples) if each.label == genre]
        shots = own[:: len(own) // SHOTS][:SHOTS]
        at_hand = _taken(examples, known, [*(rest[row] for row in some(labels)), *shots])
        grown = head.grown(replace(at_hand, embeddings=head.points(at_hand.embeddings)), {genre})
        for each, embedding in zip(asked, told, strict=True):
            found = [_likeliest(one, embedding, each.text) for one in (head, grown)]
            if each.genre == genre:
                new.append(found[1] == genre)
            else:
                before.append(found[0] == each.genre)
                after.append(found[1] == each.genre)
    return {"new": share(new), "others_before": share(before), "others_after": share(after)}


def _likeliest(head: LinearHead, embedding: np.ndarray, text: str) -> str:
    return head.classes[int(head.scores(embedding, text).argmax())]


def _taken(examples: Sequence[Example], known: np.ndarray, rows: Sequence[int]) -> Examples:
    return Examples(
        texts=tuple(examples[row].text for row in rows),
        embeddings=known[list(rows)],
        labels=tuple(examples[row].label for row in rows),
        sources=tuple(examples[row].source for row in rows),
    )
