"""From a YAML file to a checked, typed configuration; every default and every limit stands here, once."""
