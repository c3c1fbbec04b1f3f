"""What /metrics says beyond the server's own: requests and seconds by model, and which version answers.

Belongs here: names and labels of our metrics. Labels hold declared names only, never anything of a request.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from serving.champions import Champion
    from serving.schemas import Endpoint

BUCKETS = (0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


@cache
def _instruments() -> tuple[Any, Any]:
    """The counter and the histogram, one pair a process."""
    # Imported late: prometheus_client decides at its import, by the worker's environment, where it counts.
    from prometheus_client import Counter, Histogram

    labels = ["model", "kind"]
    requests = Counter("starhouse_requests", "Requests by model, kind and status.", [*labels, "status"])
    text = "Seconds from the request's arrival to its answer."
    return requests, Histogram("starhouse_request_seconds", text, labels, buckets=BUCKETS)


def count(endpoint: Endpoint, status: int, seconds: float) -> None:
    """One answered request; the server adds up its processes."""
    requests, durations = _instruments()
    kind = "key" if endpoint.by_key else "features"
    labels = {"model": endpoint.spec.name, "kind": f"explained_{kind}" if endpoint.explains else kind}
    requests.labels(**labels, status=str(status)).inc()
    durations.labels(**labels).observe(seconds)


def model_lines(declared: list[str], loaded: dict[str, Champion]) -> str:
    """The exposition lines that say which version of each model answers; a model without one is not ready
    (0)."""
    lines = [
        "# HELP starhouse_model_info The champion that answers, by model.",
        "# TYPE starhouse_model_info gauge",
    ]
    for name, champion in sorted(loaded.items()):
        labels = f'model="{name}",version="{champion.version}",artifact_sha256="{champion.predictor.sha256}"'
        lines.append(f"starhouse_model_info{{{labels}}} 1")
    lines += [
        "# HELP starhouse_model_ready Whether the model has a loaded champion.",
        "# TYPE starhouse_model_ready gauge",
    ]
    lines += [f'starhouse_model_ready{{model="{name}"}} {int(name in loaded)}' for name in declared]
    return "\n".join(lines) + "\n"
