"""Unit costs of training as given numbers, so that choices do not follow the machine that runs the tests.

Belongs here: one set of costs. Does not belong here: assertions.
"""

from __future__ import annotations

UNIT = {
    "statement_sum": 8e-6, "row": 3e-8, "value": 4e-8, "product": 6e-9, "wide_value": 1.5e-7,
    "wide_product": 4e-8, "set": 1e-7, "group": 3e-8, "new_group": 5e-8, "join": 7e-8, "sum_bytes": 12.0,
    "parallel_gain": 1.6, "export": 0.01, "export_row": 5e-7, "export_value": 3e-8, "export_byte": 1e-9,
    "exact_value": 1e-7,
    "exact_product": 1e-9, "exact_level": 5e-9,
    "fit_value": 2.5e-8, "fit_product": 1e-10, "pass_value": 5e-8, "tree_leaf": 1.5e-4, "bin": 5e-7,
    "code": 2e-7, "histogram": 3e-8, "scored": 2.4e-7, "cell": 3e-9, "array_bin": 1e-7,
    "array_code": 4e-8,
}  # fmt: skip
"""As they were measured on two cores once: what is tested is that choices follow them."""
