"""SAM and its medical relatives as models of the catalogue."""
