"""Simulated providers that speak the real dialects on loopback, with faults on demand: for demonstrations, drills and tests."""

from segue.sandbox.answers.replies import Reply
from segue.sandbox.bill import BillEntry
from segue.sandbox.box import Sandbox

__all__ = ["BillEntry", "Reply", "Sandbox"]
