"""The generate role: the arms of a request become candidates, on one engine."""
