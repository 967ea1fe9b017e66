"""Curation: data sets that others published, made whole and checked."""
