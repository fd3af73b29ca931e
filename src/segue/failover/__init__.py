"""Failover: budgets, timers and the splice decide; attempts and the engine act."""
