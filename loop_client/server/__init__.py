"""A chat service over the loop client: an ASGI app to mount into FastAPI or Starlette, or to run alone."""
