"""Readers of raw files, one module a family of formats."""
