"""Turns a snapshot or a request into a response; decides nothing."""
