"""Seeded fuzzing of everything that comes from outside: `python -m tests.fuzz --n 1000000`."""
