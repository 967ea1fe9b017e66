"""Simulated users, good and bad: they see truth, guess and a generator, never the model."""
