"""The same small programs on a real Linux and in the simulated internet, compared.

    python -m tests.sim.like_real            # a table of all cases
    python -m tests.sim.like_real multicast  # of one family, with what each side observed

A case is an async function of two machines that returns what it observed, written for plain asyncio and
`socket`. The modules in `cases` hold them, a module a family. `differences` lists what remains different, and
why.
"""
