"""Recipes: what each public data set is and how its files are read. Data only."""
