"""Simulated providers that speak the real dialects on loopback, with faults on demand: for demonstrations, drills and tests."""

from segue.sandbox.bill import BillEntry
from segue.sandbox.box import Sandbox
from segue.sandbox.replies import Reply

__all__ = ["BillEntry", "Reply", "Sandbox"]
