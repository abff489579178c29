"""An embedded data source, so that the main job runs with nothing else installed."""
