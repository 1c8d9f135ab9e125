"""Grammar shared by several dialects: JSON, SSE, ids, names and the state envelope. No I/O."""
