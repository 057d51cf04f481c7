"""GENRE over HTTP: requests, feedback, users, genres and trainings, and the OpenAI door."""
