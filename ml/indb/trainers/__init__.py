"""The trainers that `engine: warehouse` may name. One module a family; a new one is a module and a line here.

Belongs here: the explicit list and the check of a declaration against it. Importing this package loads no
scipy and no scikit-learn. Does not belong here: the search over a grid and the measuring
(`ml.train_in_warehouse`).
"""

from __future__ import annotations

from collections.abc import Mapping

from ml.indb.trainers import discriminants, glm, naive_bayes, penalised, trees
from ml.indb.trainers.registry import Trainer

__all__ = ["TRAINERS", "Trainer"]

TRAINERS: Mapping[str, Trainer] = {
    trainer.name: trainer
    for trainer in (
        penalised.LINEAR,
        penalised.RIDGE,
        penalised.LASSO,
        penalised.ELASTIC_NET,
        glm.LOGISTIC,
        glm.POISSON,
        glm.GAMMA,
        naive_bayes.NAIVE_BAYES,
        discriminants.LDA,
        discriminants.QDA,
        trees.TREE,
        trees.FOREST,
        trees.GRADIENT_BOOSTING,
    )
}
