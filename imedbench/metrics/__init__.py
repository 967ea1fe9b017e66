"""How good a guess is, how a session went, and what it cost the user."""
