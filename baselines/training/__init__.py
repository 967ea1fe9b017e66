"""One training loop for all networks of the project: simulated users, per-network objectives, exact resume."""
