"""The annotated types that events are made of: one place for every limit on the wire.

Each alias carries its JSON Schema constraint and description; `msgspec.convert` enforces them and
names the path.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from msgspec import Meta

MAX_PROMPT_BYTES = 32 * 1024
MAX_CANDIDATES = 8
MAX_TOKENS = 512
EMBEDDING_BYTES = 384
PROJECTION_FLOATS = 8

# Python's `$` also matches before a trailing newline, hence the closing look-ahead.
_UNPRINTABLE = r"\x00-\x1f\x7f-\x9f\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
_ID = rf"^(?!\.{{1,2}}$)(?=.*\S)[^/{_UNPRINTABLE}]+$(?!\n)"
_GENRE = r"^[a-z0-9][a-z0-9_]{0,63}$(?!\n)"
_ADAPTER = r"^[a-z0-9][a-z0-9_]{0,63}@[0-9a-f]{12}$(?!\n)"
_GENRE_OR_ADAPTER = r"^[a-z0-9][a-z0-9_]{0,63}(@[0-9a-f]{12})?$(?!\n)"
_TENANT = r"^[a-z0-9-]{1,63}$(?!\n)"
_LANGUAGE = r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})?$(?!\n)"
_STYLE = r"^[a-z][a-z0-9_]{0,31}$(?!\n)"
_CANDIDATE = rf"^(?!\.{{1,2}}/)(?=.*\S)[^/{_UNPRINTABLE}]+/[0-7]$(?!\n)"

Id = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=256,
        pattern=_ID,
        description="1 to 256 printable characters, not blank, no '/'.",
    ),
]
UserId = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=256,
        pattern=_ID,
        description=(
            "Who asks; unique within the tenant. 1 to 256 printable characters, not blank, no '/'."
        ),
    ),
]
RequestId = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=256,
        pattern=_ID,
        description="Unique per user: 1 to 256 printable characters, not blank, no '/'.",
    ),
]
Tenant = Annotated[
    str,
    Meta(
        pattern=_TENANT,
        description="Lower-case letters, digits and '-'; absent means the default tenant.",
    ),
]
Genre = Annotated[
    str, Meta(pattern=_GENRE, description="A genre id of the taxonomy, for instance 'joke'.")
]
Salt = Annotated[
    int, Meta(ge=0, lt=2**31, description="Decides, with its name, a genre's code among features.")
]
AdapterName = Annotated[
    str, Meta(pattern=_ADAPTER, description="'<genre>@<first 12 hex digits of its digest>'.")
]
GenreOrAdapter = Annotated[
    str, Meta(pattern=_GENRE_OR_ADAPTER, description="A genre id, or the full name of an adapter.")
]
CandidateId = Annotated[
    str, Meta(max_length=258, pattern=_CANDIDATE, description="'<request_id>/<index>'.")
]
Language = Annotated[
    str,
    Meta(pattern=_LANGUAGE, description="ISO 639 code, optionally with a region: 'en', 'pt-BR'."),
]
Style = Annotated[
    str, Meta(pattern=_STYLE, description="A declared style, for instance 'playful'.")
]
Prompt = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=MAX_PROMPT_BYTES,
        description="What is asked for: 1 byte to 32 KiB of UTF-8.",
    ),
]
Moment = Annotated[datetime, Meta(tz=True, description="RFC 3339 with an offset.")]
Probability = Annotated[float, Meta(ge=0.0, le=1.0, description="A probability, 0 to 1.")]
Index = Annotated[
    int, Meta(ge=0, lt=MAX_CANDIDATES, description="The candidate's index within its request.")
]
Seed = Annotated[int, Meta(ge=0, le=2**63 - 1, description="Makes sampling repeatable.")]
Count = Annotated[int, Meta(ge=0, description="A number of things, 0 or more.")]
Code = Annotated[
    str,
    Meta(
        pattern=r"^[a-z][a-z0-9_]{0,63}$(?!\n)",
        description="A stable snake_case error or reason code.",
    ),
]
Line = Annotated[
    str, Meta(max_length=2000, description="Text for people, at most 2000 characters.")
]
Word = Annotated[
    str, Meta(min_length=1, max_length=64, description="A name of 1 to 64 characters.")
]
Share = Annotated[
    float, Meta(gt=0.0, le=1.0, description="A share or propensity, above 0 and at most 1.")
]
FeaturesVersion = Annotated[
    int, Meta(ge=1, description="Which definition of the features the numbers belong to.")
]
Text = Annotated[
    str, Meta(max_length=64 * 1024, description="A whole text, at most 65536 characters.")
]
Short = Annotated[str, Meta(max_length=256, description="At most 256 characters.")]
MaxTokens = Annotated[int, Meta(ge=1, le=MAX_TOKENS, description="Upper bound for each text.")]
Temperature = Annotated[float, Meta(ge=0.0, le=2.0, description="0 is greedy.")]
TopP = Annotated[float, Meta(gt=0.0, le=1.0, description="Nucleus sampling.")]
MinP = Annotated[
    float,
    Meta(
        ge=0.0,
        le=1.0,
        description="Tokens less probable than this share of the likeliest are left out.",
    ),
]
RepetitionPenalty = Annotated[
    float, Meta(ge=1.0, le=2.0, description="Of tokens that the text holds already; 1 is none.")
]
Embedding = Annotated[
    bytes,
    Meta(
        min_length=EMBEDDING_BYTES,
        max_length=EMBEDDING_BYTES,
        description="Unit vector as 384 int8, scale 127; base64.",
    ),
]
Projection = Annotated[
    tuple[float, ...],
    Meta(
        min_length=PROJECTION_FLOATS,
        max_length=PROJECTION_FLOATS,
        description="Fixed projection of the text's embedding.",
    ),
]
