"""Searching: run a program under many seeds until it fails, and find the few faults that it takes."""

from p2plib.sim.search.history import History, Operation, check, staleness
from p2plib.sim.search.seeds import Failure, search

__all__ = ["Failure", "History", "Operation", "check", "search", "staleness"]
