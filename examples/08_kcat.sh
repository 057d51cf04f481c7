#!/bin/sh
# Ask GENRE with kcat, wait for the answer, like its best text.
#
#     GENRE_BROKERS=127.0.0.1:9092 sh examples/08_kcat.sh
#
# `make run` prints the address of its broker, which takes librdkafka 2.16 or newer (`kcat -V`);
# any Apache Kafka takes older ones, too.
set -eu
brokers=${GENRE_BROKERS:-127.0.0.1:9092}
id="kcat-$(date +%s)-$$"

publish() { # TOPIC: an event of ada's on standard input. Keys are hashed with murmur2, as Java does.
    kcat -P -b "$brokers" -t "$1" -k ada -X partitioner=murmur2_random
}

echo '{"user_id": "ada", "prompt": "a joke about dentists", "request_id": "'"$id"'"}' |
    publish genre.requests

tries=60
until kcat -C -q -e -b "$brokers" -t genre.recommendations -o beginning | grep -F "\"$id\""; do
    tries=$((tries - 1))
    [ "$tries" -gt 0 ] || { echo "No answer came; are all roles running?" >&2; exit 1; }
    sleep 1
done

echo '{"user_id": "ada", "kind": "like", "request_id": "'"$id"'", "candidate_id": "'"$id"'/0"}' |
    publish genre.feedback
