"""How well each target is: breakers, cooldowns, latencies and quotas. No clock, no I/O: `now` is passed in."""
