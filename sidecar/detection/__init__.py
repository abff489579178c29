"""Arrays in, arrays out: features, forests, calibration and alarm state. No clock, no I/O, no logging."""
