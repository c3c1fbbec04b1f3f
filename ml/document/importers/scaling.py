"""scikit-learn's transformers of one number to one number: scalers, logarithms, clipping, thresholds.

Belongs here: what keeps the columns' number and order. Does not belong here: new columns (`projecting`).
"""

from __future__ import annotations

from typing import Any

from ml.document.build import Builder
from ml.document.importers.reading import numbers, refused, same_count


def _each(builder: Builder, scaler: Any, columns: list[str], **steps: Any) -> list[str]:
    """Every column through `affine`, with its own constants; None leaves a step out."""
    given = {key: numbers(values) for key, values in steps.items() if values is not None}
    same_count(scaler, int(scaler.n_features_in_), columns)
    return [
        builder.affine(x, **{key: values[place] for key, values in given.items()})
        for place, x in enumerate(columns)
    ]


def _standard(builder: Builder, scaler: Any, columns: list[str]) -> list[str]:
    """(x - mean) / scale."""
    mean, scale = scaler.mean_ if scaler.with_mean else None, scaler.scale_ if scaler.with_std else None
    return _each(builder, scaler, columns, subtract=mean, divide=scale)


def _min_max(builder: Builder, scaler: Any, columns: list[str]) -> list[str]:
    """x · scale + min, within the range where `clip` is set."""
    scaled = _each(builder, scaler, columns, multiply=scaler.scale_, add=scaler.min_)
    if scaler.clip:
        low, high = scaler.feature_range
        scaled = [builder.clip(x, low, high) for x in scaled]
    return scaled


def _max_abs(builder: Builder, scaler: Any, columns: list[str]) -> list[str]:
    """x / the largest size, within ±1 where `clip` is set."""
    scaled = _each(builder, scaler, columns, divide=scaler.scale_)
    return [builder.clip(x, -1.0, 1.0) for x in scaled] if getattr(scaler, "clip", False) else scaled


def _robust(builder: Builder, scaler: Any, columns: list[str]) -> list[str]:
    """(x - median) / range between quantiles."""
    center = scaler.center_ if scaler.with_centering else None
    scale = scaler.scale_ if scaler.with_scaling else None
    return _each(builder, scaler, columns, subtract=center, divide=scale)


def _binarizer(builder: Builder, binarizer: Any, columns: list[str]) -> list[str]:
    """1 where x is above the threshold, else 0."""
    return [builder.bucket(x, [float(binarizer.threshold)], "left") for x in columns]


def _function(builder: Builder, transformer: Any, columns: list[str]) -> list[str]:
    """numpy's log, log1p and clip, or the identity. A logarithm of what is not above 0 is missing, and
    log1p is ln(x + 1): next to 0 it has the digits of x + 1.
    """
    function, options = transformer.func, dict(transformer.kw_args or {})
    name = None if function is None else getattr(function, "__name__", repr(function))
    module = type(function).__module__ if name in ("log", "log1p") else getattr(function, "__module__", None)
    if name is None and not options:
        return columns
    if name in ("log", "log1p") and module == "numpy" and not options:
        return [builder.log(x, 1.0 if name == "log1p" else 0.0) for x in columns]
    if name == "clip" and module == "numpy":
        keys = {"a_min": "low", "a_max": "high", "min": "low", "max": "high"}
        if set(options) <= set(keys):
            sides = {keys[key]: value for key, value in options.items()}
            return [builder.clip(x, **sides) for x in columns]
    shown = f"{name} with {', '.join(sorted(options)) or 'no options'}"
    raise refused(transformer, "func", shown, "None, numpy.log, numpy.log1p, numpy.clip")


TRANSFORMERS = {
    "sklearn.StandardScaler": _standard,
    "sklearn.MinMaxScaler": _min_max,
    "sklearn.MaxAbsScaler": _max_abs,
    "sklearn.RobustScaler": _robust,
    "sklearn.Binarizer": _binarizer,
    "sklearn.FunctionTransformer": _function,
}
