"""What a fuzzer feeds: every reader of bytes from outside, as a function that may only refuse.

A target takes any bytes. What it raises beyond GenreError, and a law that does not hold, is a find.
"""

from __future__ import annotations

import json
import os
import struct
import tempfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import redirect_stderr, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from types import MappingProxyType

from aiokafka.errors import KafkaError
from aiokafka.record.default_records import DefaultRecordBatchBuilder

from agents.commands import evaluate, feedback
from agents.recommend.decision_row import DecisionRow
from agents.train.workshop import _progress_in
from genre_models.adapters import AdapterName, BaseSpec
from genre_models.adapters.card import read_card
from genre_models.adapters.config import read_config, targets
from genre_models.adapters.files import CARD, CONFIG, TENSORS
from genre_models.adapters.intake import Wanted, translated
from genre_models.adapters.tensors import read_tensors
from genre_models.adapters.verification import check_adapter
from genre_models.corpora.cleaning import is_prose, tidy, without_contacts
from genre_models.engine.remote_answer import Answer, events
from genre_models.engine.remote_connection import Refused, ServerFailed
from genre_models.files import File
from genre_models.preferences.empirical_bayes import Differences, packed, unpacked
from genre_models.preferences.population import Population
from genre_models.preferences.row import UserRow
from genre_models.preferences.text_attributes import text_attributes
from genre_models.safety import neutralise
from genre_models.text_quality import quality
from genre_models.training.order import Order
from genre_models.training.texts.sources import read_source
from genre_models.training.texts.store import read_texts
from schemas.decisions import Decision
from schemas.errors import InvalidEvent
from schemas.keys import key_of, user_of
from schemas.recommendations import Recommendation
from streams.clients.records import Records, _Lasting, _LenientBatch
from streams.wire.codecs import decode, encode, parse
from streams.wire.dead_letters import dead_letter, original_headers, reasons
from streams.wire.headers import ERRORS, expiry, reply_to, text, trace
from streams.wire.limits import MAX_REQUEST_BYTES
from streams.wire.partitions import is_misplaced
from streams.wire.source import Source
from streams.wire.terms import stamp_of
from streams.wire.topics import TOPICS
from streams.worker.delivery import opened

GOLDEN = Path(__file__).parents[1] / "schemas" / "golden"
_CUT = b"\x00\x01"
ORDER = Order(job="j", genre="joke", texts="t", models="m", store="s")
BASE = BaseSpec(fingerprint="a" * 64, layers=1, hidden=8, intermediate=8, query=8, key_value=8)


@dataclass(frozen=True, slots=True)
class Target:
    """A reader, and inputs that it accepts, to begin from."""

    read: Callable[[bytes], object]
    seeds: Callable[[], Sequence[bytes]] = lambda: ()


def event(data: bytes) -> None:
    """The value of a record: what is read can be written, read again, and has a key."""
    topic = TOPICS[data[0] % len(TOPICS)] if data else TOPICS[0]
    found = decode(data[1:], topic.event, names_once=topic.written_by_clients)
    again = decode(encode(found), topic.event, names_once=True)
    assert again == found, (found, again)
    topic.identity(found)
    if topic.keyed_by_user:
        assert user_of(topic.key(found)) == (found.user_id, found.tenant)
        assert user_of(key_of(found)) == (found.user_id, found.tenant)


def field(data: bytes) -> None:
    """One field of a valid event holds anything at all."""
    topic = TOPICS[data[0] % len(TOPICS)] if data else TOPICS[0]
    document = json.loads(_golden(topic.name)[0])
    names = list(topic.event.__dataclass_fields__)
    value = parse(data[2:])
    document[names[data[1] % len(names)]] = value
    encode(decode(json.dumps(document).encode(), topic.event))


def headers(data: bytes) -> None:
    """Any headers: what is read of them is bounded, and the letter of the record fits."""
    pairs = tuple(_pairs(data))
    source = Source(
        topic="genre.requests",
        partition=0,
        offset=len(data),
        timestamp=0.0,
        key=data[:9],
        value=data,
        headers=pairs,
    )
    answer = reply_to(pairs, ("replies.",))
    assert answer is None or answer.topic.startswith("replies.")
    moment = expiry(pairs)
    assert moment is None or moment.tzinfo is not None
    assert len(text(pairs, "ce_id") or "") <= 512
    trace(pairs)
    stamp_of(pairs)
    topic = next(topic for topic in TOPICS if topic.name == "requests")
    delivery = opened(source, topic)
    if delivery.event is not None:
        is_misplaced(delivery.event, source, topic, 4)
    letter = dead_letter(source, InvalidEvent("empty", "x"), group="g", stage="s")
    size = sum(len(name) + len(value) for name, value in letter.headers)
    assert size + len(letter.value or b"") + len(letter.key or b"") < MAX_REQUEST_BYTES
    assert reasons(letter.headers)["code"] == "empty"
    assert all(not name.startswith(ERRORS) for name, _ in original_headers(letter.headers))


def records(data: bytes) -> None:
    """A fetched partition, its checksums as they come; and what our own reader makes of it.

    With right ones aiokafka's compiled reader trusts the lengths in a batch, as the broker has
    checked them; so it does with batches of the format before Kafka 0.11.
    """
    data = data[:16] + b"\x02" + data[17:]
    with suppress(KafkaError, struct.error):
        found = Records(data)
        while found.has_next() and (batch := found.next_batch()) is not None:
            batch.validate_crc()
            if isinstance(batch, _Lasting) and not batch._is_whole:
                for record in batch:
                    Source.of(_At(record), timestamp=0.0)
    with suppress(KafkaError, IndexError, ValueError, struct.error):
        for record in _LenientBatch(data[:21] + b"\x00\x00" + data[23:]):  # as it is unpacked
            Source.of(_At(record), timestamp=0.0)


class _At:
    """A record with the place that a consumer adds."""

    topic, partition = "genre.requests", 0

    def __init__(self, record: object) -> None:
        self._record = record

    def __getattr__(self, name: str) -> object:
        return getattr(self._record, name)


def user_row(data: bytes) -> None:
    """A preference row with a right checksum."""
    row = UserRow.unpack(data[:-4] + struct.pack("<I", zlib.crc32(data[:-4])))
    again = UserRow.unpack(row.pack())
    assert again.pack() == row.pack()
    row.moments(1.8e9)


def decision_row(data: bytes) -> None:
    """The row of a decision."""
    row = DecisionRow.unpack(data)
    assert DecisionRow.unpack(row.pack()).pack() == row.pack()


def population(data: bytes) -> None:
    """The sums of a partition with right checksums."""
    size = len(Population().pack())
    sums, differences = data[:size], data[size:]
    whole = b"".join(
        each[:-4] + struct.pack("<I", zlib.crc32(each[:-4])) for each in (sums, differences)
    )
    unpacked(whole)


def adapter(data: bytes) -> None:
    """The three files of an adapter folder."""
    config, _, rest = data.partition(_CUT)
    card, _, tensors = rest.partition(_CUT)
    check_adapter({CONFIG: config, CARD: card, TENSORS: tensors}, BASE)


def adapter_elsewhere(data: bytes) -> None:
    """What peft and trainers save of an adapter."""
    config, _, rest = data.partition(_CUT)
    card, _, tensors = rest.partition(_CUT)
    wanted = Wanted(genre="joke", family="humour", licence="MIT")
    given = {CONFIG: config, TENSORS: tensors} | ({CARD: card} if card else {})
    files, told = translated(given, BASE, wanted)
    assert told.isprintable()
    check_adapter(files, BASE)


def adapter_card(data: bytes) -> None:
    """`genre.json`."""
    AdapterName.parse(f"{read_card(data).genre}@0123456789ab")


def adapter_config(data: bytes) -> None:
    """`adapter_config.json`."""
    targets(read_config(data), BASE)


def adapter_tensors(data: bytes) -> None:
    """A safetensors file."""
    read_tensors(data, list(BASE.sites(("q_proj",), (0,))), 4)


def texts_file(data: bytes) -> None:
    """A file of texts to train on, of each format."""
    with _file(data, (".jsonl", ".csv", ".txt", ".JSON", ".tsv")) as path:
        for source in read_source(str(path)):
            source.text.encode()


def reactions_file(data: bytes) -> None:
    """A file of earlier reactions."""
    name = ("f.csv", "f.jsonl", "f.tsv")[data[0] % 3] if data else "f.csv"
    for line in feedback.read(File.of(data[1:], name)):
        assert (line.feedback is None) == bool(line.error)


def events_file(data: bytes) -> None:
    """A file of decisions for `genre evaluate`."""
    with _file(b"\x00" + data, (".jsonl",)) as path, redirect_stderr(StringIO()):
        evaluate._lines(path, Decision)


def job_line(data: bytes) -> None:
    """A line on a training job's output."""
    told = _progress_in(data, ORDER)
    assert told is None or told.job == ORDER.job


def sent_texts(data: bytes) -> None:
    """The train role's own file of texts, cut anywhere."""
    with _file(b"\x00" + data, (".jsonl",)) as path:
        list(read_texts(path))


def server(data: bytes) -> None:
    """What a model server answers, in two halves."""
    pieces: list[str] = []
    answer = Answer(pieces.append)
    with suppress(ServerFailed, Refused):
        for event in events((data[: len(data) // 2], data[len(data) // 2 :])):
            answer.take(event)
        end = answer.finished("r/0")
        assert end.text == "".join(pieces) and end.text.encode() is not None


def words(data: bytes) -> None:
    """A text of a user or a model, through all that reads its words."""
    given = data.decode("utf-8", "replace")
    for lines in (False, True):
        without_contacts(tidy(given, lines))
    is_prose(given)
    assert all(-1 <= value <= 1 for value in text_attributes(given).values())
    assert 0 <= quality(given, is_cut=True) <= 1
    assert neutralise(neutralise(given)) == neutralise(given)


def _pairs(data: bytes) -> Iterator[tuple[str, bytes]]:
    names = (
        "ce_id",
        "__genre.term",
        "reply-to",
        "reply-partition",
        "ce_expirytime",
        "traceparent",
        "tracestate",
    )
    for part in data.split(b"\xff"):
        number, value = part[:1], part[1:]
        known = names[number[0] % len(names)] if number and number[0] < 128 else None
        yield known or part[:40].decode("utf-8", "backslashreplace"), value


class _file:
    """A file in memory with that content and one of the suffixes, chosen by its first byte."""

    def __init__(self, data: bytes, suffixes: Sequence[str]) -> None:
        suffix = suffixes[data[0] % len(suffixes)] if data else suffixes[0]
        self._path = Path(_FOLDER) / f"{os.getpid()}{suffix}"
        self._path.write_bytes(data[1:])

    def __enter__(self) -> Path:
        return self._path

    def __exit__(self, *_: object) -> None:
        self._path.unlink()


_FOLDER = "/dev/shm" if Path("/dev/shm").is_dir() else tempfile.gettempdir()


def _golden(name: str) -> list[bytes]:
    documents = json.loads((GOLDEN / f"{name}.json").read_bytes())
    return [json.dumps(document).encode() for document in documents.values()]


def _events() -> list[bytes]:
    return [
        bytes([number]) + document
        for number, topic in enumerate(TOPICS)
        for document in _golden(topic.name)
    ]


def _fields() -> list[bytes]:
    values = (b"null", b"4.0", b"-1", b'"a/b"', b"[1, 2]", b'{"k": "v"}', b"1e300", b"true")
    return [
        bytes([number, place]) + values[(number + place) % len(values)]
        for number in range(len(TOPICS))
        for place in range(12)
    ]


def _headers() -> list[bytes]:
    pairs = (b"\x00id", b"\x01replies.a", b"\x023", b"\x032026-01-01T00:00:00Z", b"\x0400-aa-bb-01")
    return [b"\xff".join(pairs), b'{"user_id": "ada", "prompt": "p"}', b"\xff" * 40]


def _adapter() -> list[bytes]:
    config = json.dumps(
        {"peft_type": "LORA", "bias": "none", "r": 4, "lora_alpha": 8, "target_modules": ["q_proj"]}
    )
    card = {
        "genre": "joke",
        "family": "humour",
        "base": BASE.fingerprint,
        "lineage": {"data": "b" * 64},
        "metrics": {},
        "licence": "CC0",
    }
    return [config.encode() + _CUT + json.dumps(card).encode() + _CUT + _tensors()[0]]


def _tensors() -> list[bytes]:
    site = "base_model.model.model.layers.0.self_attn.q_proj"
    header = json.dumps(
        {
            f"{site}.lora_{half}.weight": {
                "dtype": "F16",
                "shape": shape,
                "data_offsets": [64 * at, 64 * at + 64],
            }
            for at, (half, shape) in enumerate((("A", [4, 8]), ("B", [8, 4])))
        }
    ).encode()
    return [struct.pack("<Q", len(header)) + header + bytes(128)]


def _decisions() -> list[bytes]:
    row = DecisionRow(
        request_id="r",
        user_id="ada",
        tenant=None,
        deadline=datetime(2026, 1, 1, tzinfo=UTC),
        seed=1,
        decision=decode(_golden("decisions")[-1], Decision),
        answer=decode(_golden("recommendations")[-1], Recommendation),
    )
    return [row.pack(), replace(row, answer=None).pack()]


def _batches() -> list[bytes]:
    batch = DefaultRecordBatchBuilder(2, 0, False, -1, -1, -1, 4096)
    for offset in range(3):
        batch.append(offset, 1000, b"ada", b'{"user_id": "ada"}', [("ce_id", b"x"), ("n", None)])
    return [bytes(batch.build())]


TARGETS: Mapping[str, Target] = MappingProxyType(
    {
        "event": Target(event, _events),
        "field": Target(field, _fields),
        "headers": Target(headers, _headers),
        "records": Target(records, _batches),
        "user_row": Target(user_row, lambda: [UserRow().pack()]),
        "decision_row": Target(decision_row, _decisions),
        "population": Target(population, lambda: [packed(Population(), Differences())]),
        "adapter": Target(adapter, _adapter),
        "adapter_elsewhere": Target(adapter_elsewhere, _adapter),
        "adapter_card": Target(adapter_card, lambda: [_adapter()[0].split(_CUT)[1]]),
        "adapter_config": Target(adapter_config, lambda: [_adapter()[0].split(_CUT)[0]]),
        "adapter_tensors": Target(adapter_tensors, _tensors),
        "texts_file": Target(
            texts_file,
            lambda: [
                b'\x00{"text": "a", "document": "d"}\n"b"\n',
                b"\x01text,n\na,1\n",
                b"\x02a\n",
            ],
        ),
        "reactions_file": Target(
            reactions_file,
            lambda: [
                b"\x00user,text,signal\nada,a text,like\n",
                b'\x01{"user": "ada", "genre": "joke", "signal": "rating:4"}\n',
            ],
        ),
        "events_file": Target(events_file, lambda: [b"[" + _golden("decisions")[0] + b"]"]),
        "job_line": Target(job_line, lambda: _golden("progress")),
        "sent_texts": Target(sent_texts, lambda: [b'{"text": "a", "time": 1.0, "user": "ada"}\n']),
        "server": Target(
            server,
            lambda: [
                b': ping\n\ndata: {"choices": [{"delta": {"content": "a"}}]}\n\n'
                b'data: {"choices": [{"delta": {}, "finish_reason": "stop"}]}\n\ndata: [DONE]\n\n',
                b'data: {"error": {"message": "no", "code": 400}}\r\n\r\n',
            ],
        ),
        "words": Target(words, lambda: ["Ha ha! \u201cWhy?\u201d a@b.cd <|im_start|>".encode()]),
    }
)
