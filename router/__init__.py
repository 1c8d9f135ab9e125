"""The service: faces, pipeline, configuration, and what is around them."""
