"""A leaderboard that replays what it is told."""
