"""How large a record may be; whatever takes records, sends them or keeps them goes by this."""

from __future__ import annotations

MAX_MESSAGE_BYTES = 4 * 1024 * 1024
"""Of a record: of the value that is decoded, and `max.message.bytes` of every event's topic."""

DEAD_LETTER_EXTRA_BYTES = 64 * 1024
"""What a dead letter may have beyond that: the reason, in headers."""

MAX_REQUEST_BYTES = MAX_MESSAGE_BYTES + 2 * DEAD_LETTER_EXTRA_BYTES
"""Of what a client sends or fetches at once: the largest letter, and the protocol around it."""
