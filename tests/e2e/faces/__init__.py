"""Every face on every wire, spoken to by the vendors' own clients over real sockets."""
