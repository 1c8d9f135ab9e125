"""A client of HTTP/1.1 for many small calls to few addresses: connections are kept, nothing is done twice."""
