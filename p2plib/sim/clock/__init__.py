"""The clock: an event loop over virtual time, and what `time`, `random` and `os.urandom` return in a run."""
