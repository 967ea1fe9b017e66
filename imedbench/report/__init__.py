"""What people look at: overlays, contact sheets, charts and self-contained pages."""
