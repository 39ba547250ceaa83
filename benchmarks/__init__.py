"""Motet beside its peers, in one run on one machine: `python -m benchmarks` (or `make bench`).

The server under test has core 0 for itself, the load generator (`native/`, C) core 1. Every row starts a fresh server.

    __main__.py   the command line: which scenarios, which servers
    scenarios.py  what is measured
    targets.py    what Motet wants to reach, and whether it did
    servers.py    how each server is started, and with which versions
    drive.py      one run of the load generator against one server
    processes.py  CPU, memory and core use, from /proc
    native.py     compiles the load generator and the relay
    report.py     the tables
    peers/        the other servers, pinned by package-lock.json
"""
