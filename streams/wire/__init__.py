"""What a record looks like: topics, codecs, headers, dead letters."""
