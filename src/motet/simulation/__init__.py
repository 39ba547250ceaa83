"""SIMULATION: the whole server in virtual time, on hostile schedules that can be replayed from a seed.

The server that runs here is the real one, from the gateway's parser to SQLite; only the clock, the sockets and the
files are replaced. Models of the real clients edit, leave, come back and lose their rights, the network and the disk
fail, the process dies, and a judge who does not ask the server checks what must be true. It is what `motet simulate`
runs; the product does not import it. It may import everything.
"""
