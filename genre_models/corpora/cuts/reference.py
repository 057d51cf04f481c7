"""Legal clauses, glossary entries, trivia, slogans and product descriptions."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import yaml

from genre_models.corpora.extractor import Cut
from genre_models.corpora.pinned import FOLDOC, LICENCES, RED
from genre_models.corpora.readers import dictionary, paragraphs
from genre_models.packages import fetch, fetch_descriptions

LISTS = "redbot/cogs/trivia/data/lists"
QUIZZES = [
    "artandliterature",
    "cars",
    "computers",
    "disney",
    "elements",
    "entertainment",
    "games",
    "general",
    "geography",
    "greekmyth",
    "harrypotter",
    "lotr",
    "music",
    "nba",
    "sports",
    "startrek",
    "starwars",
    "worldcup",
]
# Packages that nobody would advertise.
UNSOLD = re.compile(
    r"lib|-dev|-doc|-dbg|-data|-perl|python|ruby|golang|haskell|r-cran|gir1|transition|dummy|metapackage|node-|elpa"
    r"|emacs|module|plugin|extension|binding|font|php|rust-|lua|ocaml|erlang|lisp|js"
)


def clauses(cache: Path) -> Iterator[Cut]:
    """Paragraphs of software licences."""
    for file in sorted((fetch(LICENCES, cache) / "package/licenses").glob("*.json")):
        text = json.loads(file.read_bytes()).get("licenseText", "")
        yield from (Cut(file.stem, part) for part in paragraphs(text))


def entries(cache: Path) -> Iterator[Cut]:
    """`headword: first paragraph` of a dictionary of computing."""
    for entry in re.split(r"\n(?=\S)", dictionary(FOLDOC, cache, "foldoc")):
        head, *parts = paragraphs(entry) or [""]
        text = re.sub(r"^\s*<[^>]*>\s*", "", parts[0]) if parts else ""
        if text:
            yield Cut(head, f"{head}: {re.sub('[{}]', '', text)}", head)


def questions(cache: Path) -> Iterator[Cut]:
    """A question and, on the next line, its first answer."""
    for name, quiz in _quizzes(cache, *QUIZZES):
        for question, answers in quiz.items():
            if str(question).endswith("?"):
                yield Cut(f"{name}.{question}", f"{question}\nAnswer: {answers[0]}")


def slogans(cache: Path) -> Iterator[Cut]:
    """Slogans, titled by their brand."""
    for _, quiz in _quizzes(cache, "slogans"):
        yield from (
            Cut(str(answers[0]), str(slogan), str(answers[0])) for slogan, answers in quiz.items()
        )


def descriptions(cache: Path) -> Iterator[Cut]:
    """Debian's packages: the first paragraph of the description, titled by the synopsis."""
    for record in fetch_descriptions(cache).read_text("utf-8").split("\n\n"):
        found = re.search(r"Package: (\S+)\n(?:.*\n)*?Description-en: (.+)\n((?: .*\n?)+)", record)
        if found and not UNSOLD.search(found[1] + " " + found[2]):
            text = re.sub(r"\n ", " ", found[3].strip()).split(" . ")[0].partition(" .\n")[0]
            yield Cut(found[1].partition("-")[0], text, found[2])


def _quizzes(cache: Path, *names: str) -> Iterator[tuple[str, dict[str, list[object]]]]:
    for name in names:
        quiz = yaml.safe_load((fetch(RED, cache) / LISTS / f"{name}.yaml").read_bytes())
        yield (
            name,
            {question: answers for question, answers in quiz.items() if isinstance(answers, list)},
        )
