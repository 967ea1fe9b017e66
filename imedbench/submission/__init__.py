"""Results that somebody else can check: packed into one file, replayed turn by turn, sent to a leaderboard."""
