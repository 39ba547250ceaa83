"""What the tests over real sockets share: a served Motet, the npm clients, raw clients, a proxy that fails.

It speaks the wire formats with encoders of its own, so that a mistake in Motet's cannot prove itself right.
"""
