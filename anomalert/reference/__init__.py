"""A whole alert set to run and to copy from: queries, pipeline, and seeded events with planted incidents."""

from anomalert.reference.events import generate_events
from anomalert.reference.pipeline import feed_messenger
from anomalert.reference.planted import PlantedIncident, planted_labels
from anomalert.reference.tables import create_tables, load_events

__all__ = ["PlantedIncident", "create_tables", "feed_messenger", "generate_events", "load_events", "planted_labels"]
