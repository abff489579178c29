"""Replays history through the detector of the loop, and tells what would have been alerted."""
