"""How raw data lies in folders: studies found by a recipe, read by it, and recipes inferred from what lies there."""

from imedbench.layout.infer import infer_recipe
from imedbench.layout.reading import peek_study, read_study
from imedbench.layout.studies import LabelFile, Problem, Study, find_studies

__all__ = ["LabelFile", "Problem", "Study", "find_studies", "infer_recipe", "peek_study", "read_study"]
