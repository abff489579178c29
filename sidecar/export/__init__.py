"""Names and labels of what is exported: the frozen snapshot, its exposition, the metrics of the sidecar itself."""
