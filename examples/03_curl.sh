#!/bin/sh
# Ask over HTTP, watch the texts being written, like the best one, and see what is believed then.
#
#     GENRE_ADDRESS=http://127.0.0.1:8000 sh examples/03_curl.sh
#
# `make run` prints the address. Beyond loopback add: -H "Authorization: Bearer $KEY"
set -eu
: "${GENRE_ADDRESS:?set it to the address of a gateway}"
json='Content-Type: application/json'
id="curl-$(date +%s)-$$" # with an id of its own a request may be sent again, and is answered once

curl -sSN --fail-with-body "$GENRE_ADDRESS/v1/recommendations" -H "$json" \
    -H 'Accept: text/event-stream' \
    -d '{"user_id": "ada", "prompt": "a joke about dentists", "request_id": "'"$id"'"}'

# The whole answer again, from any gateway; without the header it comes as one JSON object.
curl -sS --fail-with-body "$GENRE_ADDRESS/v1/recommendations/$id?user_id=ada" && echo

# `wait` answers when it is learned, not only stored.
curl -sS --fail-with-body "$GENRE_ADDRESS/v1/feedback?wait" -H "$json" -d '{"user_id": "ada",
    "kind": "like", "request_id": "'"$id"'", "candidate_id": "'"$id"'/0"}' && echo
