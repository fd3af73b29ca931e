"""Going on when a target drops out: budgets, timers and the splice decide; attempts and the engine act."""
