"""From raw studies to a store."""
