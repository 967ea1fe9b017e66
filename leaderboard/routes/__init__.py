"""What the service answers: each route translates, and decides nothing."""
