"""IMIS-lite: LiteMedSAM's frozen image encoder under a light decoder for clicks, boxes and earlier masks."""
