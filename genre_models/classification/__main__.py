"""`python -m genre_models.classification` trains the classifier that comes with GENRE again.

After a change of the taxonomy, of what is written or of the heads; five minutes of a core.
"""

from __future__ import annotations

import sys

from genre_models import atomic
from genre_models.classification.classifier import SHIPPED, Classifier
from genre_models.encoder import SentenceEncoder
from genre_models.multilingual import MultilingualEncoder
from genre_models.taxonomy import Taxonomy
from genre_models.weights import DEFAULT_CACHE, prepare_encoder, prepare_multilingual


def main() -> None:
    """Fit and write it."""
    encoder = SentenceEncoder.load(prepare_encoder(DEFAULT_CACHE))
    multilingual = MultilingualEncoder(prepare_multilingual(DEFAULT_CACHE))
    classifier = Classifier.fit(Taxonomy.load(), encoder, multilingual=multilingual)
    atomic.write(SHIPPED, classifier.to_bytes())
    sys.stdout.write(f"{SHIPPED}  {SHIPPED.stat().st_size / 1e6:.1f} MB\n")


if __name__ == "__main__":
    main()
