"""The raw material of ``imedbench demo``: a brain MR from two registry packages and a torso phantom made here."""
