"""Ask GENRE with OpenAI's own client, and like a text.

    pip install openai
    GENRE_ADDRESS=http://127.0.0.1:8000 python examples/04_openai.py

`make run` prints the address. Beyond loopback `api_key` is a key of `genre keys create`.
"""

from __future__ import annotations

import os

from openai import OpenAI

client = OpenAI(base_url=f"{os.environ['GENRE_ADDRESS']}/v1", api_key="none")
messages = [{"role": "user", "content": "a joke about dentists"}]

# One choice as it is written. `genre` chooses by itself; `genre:joke` writes jokes.
for chunk in client.chat.completions.create(model="genre", messages=messages, stream=True):
    print(chunk.choices[0].delta.content or "", end="", flush=True)
print()

# Several choices come ranked for whoever asks.
answer = client.chat.completions.create(
    model="genre",
    messages=messages,
    n=2,
    safety_identifier="ada",
    metadata={"genre": "joke"},
)
for choice in answer.choices:
    print(f"{choice.index + 1}. {choice.message.content}")

# Each choice says under which id it takes feedback; `wait` answers when it is learned.
best = answer.choices[0].genre["candidate_id"]
like = {"user_id": "ada", "kind": "like", "request_id": answer.id, "candidate_id": best}
print(client.post("/feedback?wait", body=like, cast_to=object))
