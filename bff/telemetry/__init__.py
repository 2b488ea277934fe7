"""Who hears of events: logs, spans, metrics."""
