"""Losses as SQL: what `ml.indb.losses` computes, over columns w, s0, s1, … (weight, targets) and f0, f1, …
(scores).

Belongs here: the expressions. Does not belong here: the tables they are computed over
(`ml.indb.histogram_sql`).
"""

from __future__ import annotations

from ml.document.ops.activation import CLAMP, sigmoid_sql
from ml.indb.losses import Loss
from warehouse.client.dialect import POSTGRES

Columns = dict[str, str]
"""Expression by the column's name."""


def scored_select(loss: Loss, kept: str, source: str) -> str:
    """A SELECT of the columns `kept`, the scores, and derivatives g0, g1, … and h0, h1, … over `source`,
    which has w, the targets and the scores. What several expressions read is computed once, in a subselect.
    Derivatives of squared loss are quicker computed than kept: see `derivatives_sql`.
    """
    scores = ", ".join(f"f{place}" for place in range(loss.outputs))
    for stage in _stages(loss):
        made = ", ".join(f"{expression} as {name}" for name, expression in stage.items())
        source = f"(select *, {made} from {source} {POSTGRES.fence}) as staged"
    derived = "".join(f", {expression} as {name}" for name, expression in _derivatives(loss).items())
    return f"select {kept}, {scores}{derived} from {source}"


def derivatives_sql(loss: Loss, output: int) -> tuple[str, str]:
    """First and second derivative of an output, over a table of `scored_select` that has w."""
    if loss.name == "squared":
        return f"(w * f{output} - s{output})", "w"
    return f"g{output}", f"h{output}"


def loss_select(loss: Loss, source: str) -> str:
    """A SELECT of the sum of losses over `source`, as text; NULL where it has no rows."""
    outputs = range(loss.outputs)
    if loss.name == "squared":
        terms = [f"sum(w::numeric * f{k} * f{k} - 2 * f{k}::numeric * s{k})" for k in outputs]
        return f"select ({' + '.join(terms)})::text from {source}"
    one, number = 1 << loss.bits, POSTGRES.number
    if loss.name == "softmax":
        for stage in _stages(loss)[:2]:
            made = ", ".join(f"{expression} as {name}" for name, expression in stage.items())
            source = f"(select *, {made} from {source} {POSTGRES.fence}) as staged"
        normal = f"(top + round(ln({_total(loss)}) * {number(one)})::bigint)"
    else:
        x = _unit("f0", loss)
        log = f"ln({number(1.0)} + exp(-least(abs({x}), {number(CLAMP)})))"
        normal = f"round((greatest({x}, {number(0.0)}) + {log}) * {number(one)})::bigint"
    hits = " + ".join(f"f{k}::numeric * s{k}" for k in outputs)
    return f"select sum(w::numeric * {normal} * {one} - ({hits}))::text from {source}"


def _stages(loss: Loss) -> list[Columns]:
    """What the derivatives are computed from, one stage on top of another; the last gives p0, p1, …"""
    outputs = range(loss.outputs)
    if loss.name == "squared":
        return []
    if loss.name == "logistic":
        return [{"p0": _probability(sigmoid_sql(_unit("f0", loss), POSTGRES), loss)}]
    low = POSTGRES.number(-CLAMP)
    top = {"top": f"greatest({', '.join(f'f{k}' for k in outputs)})"}
    exps = {f"e{k}": f"exp(greatest({_unit(f'(f{k} - top)', loss)}, {low}))" for k in outputs}
    return [top, exps, {f"p{k}": _probability(f"e{k} / ({_total(loss)})", loss) for k in outputs}]


def _derivatives(loss: Loss) -> Columns:
    outputs = range(loss.outputs)
    if loss.name == "squared":
        return {}
    one, found = 1 << loss.bits, {}
    for k in outputs:
        h = f"((p{k} * ({one} - p{k}) + {one - 1}) / {one})"
        if loss.name == "softmax":
            h = f"(({h} * {loss.outputs} + {loss.outputs - 2}) / {loss.outputs - 1})"
        found |= {f"g{k}": f"w * p{k} - s{k}", f"h{k}": f"w * {h}"}
    return found


def _total(loss: Loss) -> str:
    """The sum of exps, added from the first."""
    total = "e0"
    for k in range(1, loss.outputs):
        total = f"({total} + e{k})"
    return total


def _probability(p: str, loss: Loss) -> str:
    one = 1 << loss.bits
    return f"least(greatest(round(({p}) * {POSTGRES.number(one)})::bigint, 1), {one - 1})"


def _unit(f: str, loss: Loss) -> str:
    return f"({f}::float8 / {POSTGRES.number(1 << loss.bits)})"
