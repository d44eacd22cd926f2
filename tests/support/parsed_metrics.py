"""What `/metrics` answers, read by the parser of Prometheus' own client."""

from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics
from prometheus_client.parser import text_string_to_metric_families as read_text

Samples = dict[tuple[str, tuple[str, ...]], float]


def parsed(body: bytes, accept: str = "") -> Samples:
    """Return samples by name and the values of their labels, which are sorted by the label's name."""
    read = read_openmetrics if "openmetrics" in accept else read_text
    return {
        (sample.name, tuple(value for _, value in sorted(sample.labels.items()))): float(sample.value)
        for family in read(body.decode())
        for sample in family.samples
    }
