"""Randomised runs of a gate and a server that are killed at random moments: `make trials`."""
