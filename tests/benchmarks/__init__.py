"""The benchmarks as programs: what they start, send, count and write. Nothing here looks at how long anything takes."""
