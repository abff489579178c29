"""Measurements of the product: what they need and what they print is theirs alone, the product imports none of it."""
