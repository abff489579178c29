"""Owns time: when a query is evaluated, when its models are fitted, what was missed."""
