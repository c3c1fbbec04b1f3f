"""Documents of random operations with random constants, extremes among them.

Belongs here: what the builder is tried with. Does not belong here: rows and assertions (`surfaces`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ml.document import Builder, Document, Head

Choose = Callable[[Sequence[Any]], Any]
"""Takes one of several: a random generator's choice, or a strategy's draw."""

FACTORS = (1e-100, -1e-100, 1e-99, 1e-50, -1e-16, 0.1, 0.5, -3.0, 7.0, 1e16, 1e50, -1e99, 1e100, -1e100)
NUMBERS = (
    *FACTORS, 0.0, -0.0, 1.0, 5e-324, -5e-324, 1e-310, -1e-200, 1e200, 1e308, -1.7976931348623157e308
)  # fmt: skip
TEXTS = ("", "a", "b", "it's \\ odd", "été")
OPTIONAL = (*NUMBERS, None)


def random_document(choose: Choose, steps: int) -> Document:
    """`steps` operations over earlier columns, then margins and a head."""
    builder = Builder("random")
    texts = [builder.input(name, "category") for name in ("c", "d")]
    pool = [builder.input(name, "number") for name in ("x", "y")] + [builder.input("f", "boolean")]
    for _ in range(steps):
        add = choose(STEPS)
        pool.append(add(builder, choose, pool, texts))
    kind = choose(("identity", "exp", "sigmoid", "margin", "probability", "softmax", "nearest"))
    count = 1 if kind in ("sigmoid", "exp") else choose((2, 3)) if kind in ("softmax", "nearest") else 2
    margins = [pool[-1], *(choose(pool) for _ in range(count - 1))]
    classes = () if kind in ("identity", "exp") else tuple(range(max(count, 2)))
    return builder.document(margins, Head(kind, classes), {}, ["x", "y", "f", "c", "d"])


def _several(choose: Choose, values: Sequence[Any], most: int = 3) -> list[Any]:
    return [choose(values) for _ in range(choose(range(1, most + 1)))]


def _rising(choose: Choose) -> list[float]:
    return sorted({choose(NUMBERS) + 0.0 for _ in range(3)})


def _affine(b: Builder, choose: Choose, pool: list[str], texts: list[str]) -> str:
    keys = ("subtract", "divide", "multiply", "add")
    return b.affine(choose(pool), **{key: choose(FACTORS) for key in keys if choose((True, False))})


def _weighted(b: Builder, choose: Choose, pool: list[str], texts: list[str]) -> str:
    xs = _several(choose, pool, 4)
    return b.weighted(xs, [choose((*FACTORS, 0.0, 1e-320)) for _ in xs], choose((0.0, -0.0, *FACTORS)))


def _lookup(b: Builder, choose: Choose, pool: list[str], texts: list[str]) -> str:
    values = [(text, choose(OPTIONAL)) for text in dict.fromkeys(_several(choose, TEXTS))]
    text = choose((texts[0], texts[1], b.filled_text(texts[0], choose(TEXTS))))
    return b.lookup(text, values, choose(OPTIONAL), choose(OPTIONAL))


def _indicators(b: Builder, choose: Choose, pool: list[str], texts: list[str]) -> str:
    made = [
        b.lookup(texts[0], [(text, 1.0)], choose((0.0, 1.0)), choose((0.0, 1.0, None)))
        for text in _several(choose, TEXTS)
    ]
    return b.weighted(made, [choose(FACTORS) for _ in made], 0.0)


def _recode(b: Builder, choose: Choose, pool: list[str], texts: list[str]) -> str:
    values = [(key, choose(OPTIONAL)) for key in _rising(choose)]
    return b.recode(choose(pool), values, choose(OPTIONAL), choose(OPTIONAL))


def _clip(b: Builder, choose: Choose, pool: list[str], texts: list[str]) -> str:
    low, high = sorted((choose(NUMBERS), choose(NUMBERS)))
    return b.clip(choose(pool), *choose(((low, high), (low, None), (None, high))))


def _interpolate(b: Builder, choose: Choose, pool: list[str], texts: list[str]) -> str:
    xs = choose(([0.0], [-1.0, 0.5], [-1e16, -0.1, 3.0], [0.0, 1e-90], [-3.0, 1e100]))
    ys = [choose((0.0, -0.0, 0.1, 1.0, -5.0)) for _ in xs]
    return b.interpolate(choose(pool), xs, ys)


def _gaussian(b: Builder, choose: Choose, pool: list[str], texts: list[str]) -> str:
    xs = _several(choose, pool)
    return b.gaussian(xs, choose((0.0, -1e3)), [choose(FACTORS) for _ in xs], [choose(FACTORS) for _ in xs])


def _distance(b: Builder, choose: Choose, pool: list[str], texts: list[str]) -> str:
    xs = _several(choose, pool)
    return b.squared_distance(xs, [choose((0.0, 1e-200, *FACTORS)) for _ in xs])


def _trees(b: Builder, choose: Choose, pool: list[str], texts: list[str]) -> str:
    leaves = (0.0, -0.0, 1e-310, 1e-100, 0.1, -7.0, 1e99)
    trees = [
        {
            "feature": [0, -1, -1],
            "test": [choose(("<=", "<", "known")), "<=", "<="],
            "threshold": [choose(NUMBERS), 0.0, 0.0],
            "left": [1, 0, 0],
            "right": [2, 0, 0],
            "missing_left": [choose((True, False)), False, False],
            "value": [0.0, choose(leaves), choose(leaves)],
            "cover": [1.0, 1.0, 1.0],
        }
        for _ in range(choose((1, 2, 3)))
    ]
    divide = choose(({}, {"divide": 3.0}, {"divide": 1e100}))
    return b.trees([choose(pool)], {"start": choose((0.0, -0.0, 0.3)), "trees": trees, **divide})


STEPS = (
    _affine, _affine, _weighted, _weighted, _lookup, _indicators, _recode, _clip, _interpolate, _gaussian,
    _distance, _trees,
    lambda b, choose, pool, texts: b.impute(choose(pool), choose(NUMBERS)),
    lambda b, choose, pool, texts: b.is_missing(choose((*pool, *texts))),
    lambda b, choose, pool, texts: b.log(choose(pool), choose((0.0, 1.0, *FACTORS))),
    lambda b, choose, pool, texts: b.product(choose(pool), choose(pool)),
    lambda b, choose, pool, texts: b.product(choose(pool), choose(pool)),
    lambda b, choose, pool, texts: b.rectify(choose(pool)),
    lambda b, choose, pool, texts: b.function(choose(("sigmoid", "exp", "tanh")), choose(pool)),
    lambda b, choose, pool, texts: b.bucket(choose(pool), _rising(choose), choose(("left", "right"))),
)  # fmt: skip
