"""One protocol for every model: simulated users, their turns, scores, reports."""
