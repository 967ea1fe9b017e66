"""What a model must offer, and ways to run it."""
