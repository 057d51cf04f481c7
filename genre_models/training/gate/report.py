"""The page kept with an adapter: numbers, curve, samples, and what its texts went through."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from html import escape
from pathlib import Path

from genre_models.corpora import Corpus, Prepared
from genre_models.training.documents import write_json
from genre_models.training.gate.gate import Judgement, Measured
from genre_models.training.gate.samples import Sample
from genre_models.training.texts.material import OF_USERS
from genre_models.training.texts.two_classes import TwoClasses
from genre_models.training.trainer import Trained

UNSHOWN = "(not shown: some texts are of users)"
WIDTH, HEIGHT, EDGE = 480, 200, 36
STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;"
    "max-width:54rem;margin:2rem auto;padding:0 1rem;color:#222}"
    "table{border-collapse:collapse;width:100%;margin:1rem 0}"
    "td,th{border-bottom:1px solid #ddd;padding:.3rem .6rem;"
    "text-align:left;vertical-align:top}.no{color:#b00020;font-weight:600}.yes{color:#1b6e3c}"
    "blockquote{margin:.2rem 0;white-space:pre-wrap}svg{background:#fafafa}"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """All that is said of one adapter.

    `two_classes` None: nothing could tell whether its texts are. Where some texts are of users,
    nothing is quoted: requests are made of their words, and what is written may repeat them.
    """

    name: str
    corpus: Corpus
    prepared: Prepared
    two_classes: TwoClasses | None
    trained: Trained
    measured: Measured
    judgement: Judgement

    def write(self, folder: Path) -> Path:
        """Write `report.json` and `report.html` to `folder`; the page's path."""
        write_json(folder / "report.json", self._numbers())
        page = folder / "report.html"
        page.write_text(self._page(), "utf-8")
        return page

    def _numbers(self) -> dict[str, object]:
        corpus, measured = self.corpus, self.measured
        left_out = self.prepared.removed
        return {
            "name": self.name,
            "passed": self.judgement.passed,
            "findings": [asdict(each) for each in self.judgement.findings],
            "missing": self.judgement.missing,
            "two_classes": self.two_classes and asdict(self.two_classes),
            "ppl_base": math.exp(measured.base_loss),
            "ppl_adapter": math.exp(measured.loss),
            "controls": {each.name: math.exp(each.loss) for each in measured.controls},
            "curve": self.trained.curve,
            "texts": {
                "training": len(corpus.training),
                "held_out": len(corpus.held_out),
                "left_out": left_out,
            },
            "seconds": self.trained.seconds,
            "samples": [asdict(each) for each in self._samples],
        }

    def _page(self) -> str:
        corpus, trained, measured = self.corpus, self.trained, self.measured
        judgement = self.judgement
        name = escape(self.name)
        removed = self.prepared.removed.items()
        left_out = ", ".join(f"{count} {rule}" for rule, count in removed) or "none"
        outcome = '<b class="yes">passed</b>' if judgement.passed else '<b class="no">rejected</b>'
        return "\n".join(
            [
                '<!doctype html><html lang="en"><meta charset="utf-8">'
                f"<title>{name}</title><style>{STYLE}</style>",
                f"<h1>{name}</h1><p>Gate: {outcome}. Perplexity of held-out texts "
                f"{math.exp(measured.base_loss):.1f} &rarr; {math.exp(measured.loss):.1f}, "
                f"after {trained.epochs:.1f} epochs and {trained.seconds:.0f} s.</p>",
                f"<p>{len(corpus.training)} training texts, {len(corpus.held_out)} held out; "
                f"left out: {escape(left_out)}. No control for: "
                f"{escape(', '.join(judgement.missing)) or 'nothing'}.</p>",
                _two_classes(self.two_classes),
                _findings(judgement),
                "<h2>Held-out perplexity</h2>",
                _curve(trained.curve, measured),
                "<h2>Samples</h2>",
                _samples(self._samples),
                "</html>\n",
            ]
        )

    @property
    def _samples(self) -> Sequence[Sample]:
        texts = (*self.corpus.training, *self.corpus.held_out)
        if not any(text.source == OF_USERS for text in texts):
            return self.measured.samples
        hidden = {"request": UNSHOWN, "topic": "", "text": UNSHOWN}
        return [replace(each, **hidden) for each in self.measured.samples]


def _two_classes(found: TwoClasses | None) -> str:
    if found is None or not found.suspect:
        return ""
    texts = " and ".join(f"<blockquote>{escape(text)}</blockquote>" for text in found.examples)
    such_as = ", such as" if texts else ""
    return (
        '<p class="no">These may be two genres under one name '
        f"({found.score:.2f}){such_as}</p>{texts}"
    )


def _findings(judgement: Judgement) -> str:
    rows = (
        f"<tr><td>{escape(each.check)}</td><td>{each.value:.3g}</td><td>{each.bound:.3g}</td>"
        f'<td class="{"yes" if each.passed else "no"}">'
        f"{'passed' if each.passed else 'not passed'}</td></tr>"
        for each in judgement.findings
    )
    return _table(("check", "measured", "bound", ""), rows)


def _samples(samples: Sequence[Sample]) -> str:
    rows = (
        f"<tr><td>{escape(each.request)}</td><td><blockquote>{escape(each.text)}</blockquote></td>"
        f'<td class="no">{escape(each.held_back or "")}</td></tr>'
        for each in samples
    )
    return _table(("request", "text", "held back"), rows)


def _table(heads: Sequence[str], rows: Iterable[str]) -> str:
    head = "".join(f"<th>{each}</th>" for each in heads)
    return f"<table><tr>{head}</tr>{''.join(rows)}</table>"


def _curve(curve: Sequence[tuple[float, float]], measured: Measured) -> str:
    """Perplexity by epoch; the controls are dashed lines."""
    lines = {"base": measured.base_loss} | {each.name: each.loss for each in measured.controls}
    losses = [*lines.values(), *(loss for _, loss in curve)]
    low, high = math.exp(min(losses)), math.exp(max(losses))
    last = max((epoch for epoch, _ in curve), default=1.0) or 1.0

    def x(epoch: float) -> float:
        return EDGE + (WIDTH - 2 * EDGE) * epoch / last

    def y(loss: float) -> float:
        return HEIGHT - EDGE - (HEIGHT - 2 * EDGE) * (math.exp(loss) - low) / max(high - low, 1e-9)

    dashes = "".join(
        f'<line x1="{EDGE}" x2="{WIDTH - EDGE}" y1="{y(loss):.1f}" y2="{y(loss):.1f}" '
        'stroke="#bbb" stroke-dasharray="4">'
        f"<title>{escape(name)}: {math.exp(loss):.1f}</title></line>"
        for name, loss in lines.items()
    )
    points = " ".join(f"{x(epoch):.1f},{y(loss):.1f}" for epoch, loss in curve)
    texts = (
        (2, EDGE, f"{high:.0f}"),
        (2, HEIGHT - EDGE, f"{low:.0f}"),
        (WIDTH - 76, HEIGHT - 8, f"{last:.1f} epochs"),
    )
    labels = "".join(
        f'<text x="{left}" y="{top}" font-size="11">{words}</text>' for left, top, words in texts
    )
    line = f'<polyline points="{points}" fill="none" stroke="#1b6e3c" stroke-width="2"/>'
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" role="img">'
        f"{dashes}{line}{labels}</svg>"
    )
