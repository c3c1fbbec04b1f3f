"""What an algorithm is to this project: a name, the tasks it can do, its parameters with their ranges, and
how it is built.

Belongs here: the two small types and the check of parameters. Does not belong here: any estimator (one
module each), nor the list of them (the package's `ALGORITHMS`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

    from ml.spec_fields import Feature


@dataclass(frozen=True)
class Parameter:
    """An allowed parameter: a number in a closed range, or one of `choices`. None only where it is a
    choice.
    """

    kind: type
    low: float | None = None
    high: float | None = None
    choices: tuple[Any, ...] = ()
    tasks: tuple[str, ...] = ("classification", "regression")

    def accepts(self, value: Any) -> bool:
        if any(
            value is choice or (type(value) is type(choice) and value == choice) for choice in self.choices
        ):
            return True
        if self.low is None or isinstance(value, bool) or not isinstance(value, (int, float)):
            return False
        return (self.kind is float or isinstance(value, int)) and self.low <= value <= self.high

    def allowed(self) -> str:
        choices = [repr(choice) for choice in self.choices]
        if self.low is not None:
            choices.insert(0, f"{self.kind.__name__} from {self.low:g} to {self.high:g}")
        return " or ".join(choices)


@dataclass(frozen=True)
class Algorithm:
    """`build(task, params, features, seed)` gives an unfitted scikit-learn Pipeline that takes the feature
    frame as it is.
    """

    name: str
    tasks: tuple[str, ...]
    parameters: Mapping[str, Parameter]
    build: Callable[[str, Mapping[str, Any], Sequence[Feature], int], Pipeline]
    gain: Callable[[Any], Any]
    """Fitted model step → one importance a transformed column (not normalised)."""
