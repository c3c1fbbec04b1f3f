"""Why a document answered as it did: its margin as a sum of one number an input, in Python and in SQL.

Belongs here: additive explanations of a document, and nothing that needs the library that fitted it. Does not
belong here: importance over many rows, drift, or how an explanation is shown.

A margin that is a sum over columns is taken apart as it stands; a sum of trees by its exact path-dependent
Shapley values (Lundberg et al., 2020). What an input's columns get (its indicators, its scaled form, the mark
that it is missing) is summed to the input.
"""

from ml.document.explain.contributions import Explainer, Explanation, explain, explain_margins, explain_row
from ml.document.explain.sql import explain_sql

__all__ = ["Explainer", "Explanation", "explain", "explain_margins", "explain_row", "explain_sql"]
