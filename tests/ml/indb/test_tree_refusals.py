"""Rows and settings that trees refuse: the message names the column and what to do.

Belongs here: refusals by the warehouse's scan. Does not belong here: training that succeeds.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from ml.indb.errors import InDatabaseError
from ml.indb.held_losses import held_losses
from ml.indb.labels import bits_for, number_label
from ml.indb.train_trees import train_trees
from ml.indb.tree_settings import Boosting, Forest, Growth, TreeRows

SOURCE = """(select g as id, case when g % 3 = 0 then null else g / 7.0 end::float8 as x, g % 5 as z,
  1.5::float8 as same, null::float8 as nothing, (case when g = 4 then 'inf'::float8 else g end) as endless,
  g::text as typed, 'only'::text as giant, 'k' || g as many, g * 0.5 as y, g % 2 as binary, 7 as flat,
  g % 3 as three, (case when g = 9 then null else g end) as gap, 0.5 as half, -1 as below, 0 as nought,
  nullif(g, 8) > 700 as unsure, false as never,
  g / 3.0::float8 as third, g + 0.123456789 as tiny,
  (case when g = 4 then 'NaN'::float8 else g end) as nan, 1e15::float8 * 4 as heavy
  from generate_series(1, 900) as g) """
GOOD = TreeRows(SOURCE, "y", numbers=("x", "z"))
CASES = {
    "constant": ({"numbers": ("x", "same")}, "feature 'same' is 1.5 in every training row"),
    "all_missing": ({"numbers": ("nothing",)}, "feature 'nothing' is missing in every training row"),
    "infinite": ({"numbers": ("endless",)}, "feature 'endless' is infinite"),
    "text": ({"numbers": ("typed",)}, "column 'typed' is text; allowed: smallint"),
    "one_category": ({"categories": ("giant",)}, "feature 'giant' is 'only' in every"),
    "many_categories": ({"categories": ("many",)}, "category 'many' has more than 512 values"),
    "constant_label": ({"label": "flat"}, "label 'flat' is 7.0 in every row"),
    "missing_label": ({"label": "gap"}, "label 'gap' is missing in 1 rows"),
    "nan_label": ({"label": "nan"}, "label 'nan' is missing in 1 rows"),
    "infinite_label": ({"label": "endless"}, "label 'endless' reaches inf"),
    "text_label": ({"label": "typed"}, "column 'typed' is text"),
    "one_class": ({"label": "flat", "objective": "binary"}, r"label 'flat' has 1 values .*\(7\)"),
    "three_classes": ({"label": "three", "objective": "binary"}, "label 'three' has 3 values"),
    "thirds": ({"weight": "third"}, r"weight 'third': 600 rows lie on no grid, such as 0\.333.*weight_steps"),
    "negative": ({"weight": "below"}, "weight 'below': 900 rows hold none that counts, such as -1; allowed"),
    "nan_weight": ({"weight": "nan"}, "weight 'nan': 1 rows hold none that counts, such as NaN"),
    "infinite_weight": ({"weight": "endless"}, "weight 'endless': 1 rows hold none .* such as Infinity"),
    "missing_weight": ({"weight": "gap"}, "weight 'gap': 1 rows hold none that counts, such as missing"),
    "text_weight": ({"weight": "typed"}, "column 'typed' is text"),
    "no_weight": ({"weight": "nought"}, "weight 'nought' is 0 in every row"),
    "heavy": ({"weight": "heavy"}, "column 'heavy' add up to [0-9]+, which leaves"),
    "fine": ({"weight": "tiny", "weight_steps": 10**9}, "add up to .* steps of 1/1000000000, which leaves"),
    "lost": ({"weight": "half", "weight_steps": 1}, "weight 'half': 900 rows round to none of 1 steps, such"),
    "no_rows": ({"relation": f"(select * from {SOURCE} as s where id < 0)"}, "it has no rows"),
    "held_text": ({"held": "typed"}, "column 'typed' is text; allowed: boolean"),
    "held_missing": ({"held": "unsure"}, "held 'unsure' is missing in 1 rows; allowed: true or false"),
    "time": ({"time": "gap", "validation": 0.5}, "time 'gap' is missing in 1 rows"),
}


CUT_IN_MEMORY = ("constant", "all_missing", "infinite", "one_category", "many_categories")
"""What an export refuses by itself."""


@pytest.mark.parametrize(
    ("case", "engine"), [*((case, "auto") for case in CASES), *((case, "export") for case in CUT_IN_MEMORY)]
)
def test_bad_rows_are_refused_by_name(rows_wh, case, engine):
    changed, message = CASES[case]
    with pytest.raises(InDatabaseError, match=message):
        train_trees(rows_wh, replace(GOOD, **changed), Boosting(rounds=1), "m", engine=engine)


def test_settings_are_refused(rows_wh):
    with pytest.raises(InDatabaseError, match="samples rows"):
        train_trees(rows_wh, GOOD, Forest(trees=1), "m", engine="cells")
    with pytest.raises(InDatabaseError, match="loss is 'logistic'"):
        train_trees(rows_wh, GOOD, Boosting(loss="logistic"), "m")
    with pytest.raises(InDatabaseError, match="monotone names"):
        train_trees(rows_wh, GOOD, Boosting(growth=Growth(monotone={"nope": 1})), "m")
    with pytest.raises(InDatabaseError, match="max_depth is 0"):
        Growth(max_depth=0)
    with pytest.raises(InDatabaseError, match="learning_rate 2.0"):
        Boosting(learning_rate=2.0)
    with pytest.raises(InDatabaseError, match="each named once"):
        TreeRows("t", "y", numbers=("y",))
    with pytest.raises(InDatabaseError, match="weight_steps is 10 with weight None; allowed: 1 to"):
        TreeRows("t", "y", numbers=("x",), weight_steps=10)
    with pytest.raises(InDatabaseError, match="time column 't' and held 'h'; allowed"):
        TreeRows("t", "y", numbers=("x",), time="t", validation=0.2, held="h")
    with pytest.raises(InDatabaseError, match="no row is held out"):
        held_losses(rows_wh, replace(GOOD, held="never"), [Boosting(rounds=1)])
    with pytest.raises(InDatabaseError, match="validation is 0.2"):
        TreeRows("t", "y", numbers=("x",), validation=0.2)


def test_a_label_keeps_its_bits_within_a_bigint():
    assert bits_for(10**6, None) == 30 and bits_for(2**30, None) == 19
    label = number_label("y", -3e89, 1.0, 30)
    assert label.bits < 0 and label.steps([1.0, 1e-300, -3e89])[0, 2] < -(2**28)
    with pytest.raises(InDatabaseError, match="label 'y' reaches"):
        number_label("y", 0.0, 1e200, 30)
