"""What is counted about a running service, in a registry of its own."""

from closebell.api.metrics.counting import MEDIA_TYPE, NO_ROUTE, Metrics

__all__ = ["MEDIA_TYPE", "NO_ROUTE", "Metrics"]
