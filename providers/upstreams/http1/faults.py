"""What goes wrong between opening a connection and the end of an answer."""


class HttpFault(Exception):
    """Any of them. Their names are shown to callers, so they are those that aiohttp has for the same."""


class ConnectionTimeoutError(HttpFault):
    """No connection within the time for it."""


class SocketTimeoutError(HttpFault):
    """Nothing came, and nothing was taken, for too long."""


class ConnectorDNSError(HttpFault):
    """The host has no address."""


class ConnectorError(HttpFault):
    """No connection. ``cause`` says why; ssl.SSLError is an OSError, too."""

    def __init__(self, cause: OSError) -> None:
        super().__init__()
        self.cause = cause


class ClientConnectionError(HttpFault):
    """The pool or the answer was closed here."""


class ServerDisconnectedError(HttpFault):
    """The connection ended before the head of an answer was here."""

    def __init__(self, cause: OSError | None = None, *, begun: bool = False) -> None:
        super().__init__()
        self.cause = cause
        """How, where it was not closed in order."""
        self.begun = begun
        """Whether a byte of an answer had come."""


class ClientPayloadError(HttpFault):
    """The connection ended within a body."""


class HttpProcessingError(HttpFault):
    """What came is no HTTP, is longer than it may be, or says two things about where it ends."""
