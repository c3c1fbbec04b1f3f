"""k-means and nearest centres: the class is the centre with the smallest squared distance.

scikit-learn expands the square, which loses digits: its own labels of rows as near to one centre as to
another are chance. Belongs here: models of distances to fixed centres. Does not belong here: bisecting
k-means, which descends its tree of splits and may miss the nearest.
"""

from __future__ import annotations

from typing import Any

from ml.document.build import Builder
from ml.document.importers.reading import plain, refused, rows, same_count
from ml.document.schema import Head


def _distances(builder: Builder, model: Any, columns: list[str], centers: Any) -> list[str]:
    listed = rows(centers)
    same_count(model, len(listed[0]), columns)
    return [
        builder.squared_distance(columns, center, label=f"distance_{place}")
        for place, center in enumerate(listed)
    ]


def _k_means(builder: Builder, model: Any, columns: list[str]) -> tuple[list[str], Head]:
    margins = _distances(builder, model, columns, model.cluster_centers_)
    return margins, Head("nearest", tuple(range(len(margins))))


def _nearest_centroid(builder: Builder, model: Any, columns: list[str]) -> tuple[list[str], Head]:
    if model.metric != "euclidean":
        raise refused(model, "metric", model.metric, "euclidean")
    if model.priors != "uniform":
        raise refused(model, "priors", model.priors, "uniform")
    if model.shrink_threshold:
        raise refused(model, "shrink_threshold", model.shrink_threshold, "None")
    return _distances(builder, model, columns, model.centroids_), Head("nearest", plain(model.classes_))


MODELS = {
    "sklearn.KMeans": _k_means,
    "sklearn.MiniBatchKMeans": _k_means,
    "sklearn.NearestCentroid": _nearest_centroid,
}
