"""How near the pipeline comes to what the machine can do. Benchmarks measure; they assert nothing."""
