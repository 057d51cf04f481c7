"""The gateway role: what HTTP needs to know of genres and of people's files."""
