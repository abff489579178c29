"""From a YAML file to a checked, typed configuration; each key stands here with its default and its limits."""
