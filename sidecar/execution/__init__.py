"""Where work runs: anything with the face of a `concurrent.futures.Executor`."""
