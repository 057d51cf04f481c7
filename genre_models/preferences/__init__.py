"""Preferences: what one user likes, learned online as sums under a prior that all users share."""
