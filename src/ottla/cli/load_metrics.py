"""What `--print-metrics` shows: what a producer or consumer counted, as Apache's tools do."""

from __future__ import annotations

from collections.abc import Mapping

from ottla.client.metrics import MetricName


def metrics_table(metrics: Mapping[MetricName, float]) -> list[str]:
    """An empty line, a head, and the metrics by their names."""
    rows = {_text(name): value for name, value in metrics.items()}
    width = max(map(len, rows), default=0)
    head = f"{'Metric Name':<{width}}   Value"
    return ["", head, *(f"{name:<{width}} : {value:.3f}" for name, value in sorted(rows.items()))]


def _text(metric: MetricName) -> str:
    tags = ", ".join(f"{key}={value}" for key, value in metric.tags)
    return f"{metric.group}:{metric.name}:{{{tags}}}"
