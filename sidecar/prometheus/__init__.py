"""The only room that speaks to Prometheus: its HTTP API, the frame of samples, the history of a query."""
