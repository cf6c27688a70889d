"""Seeds of random tests: printed by each, and replayed by `LEASED_SEED=… pytest …`."""

import os
import random


def seed() -> int:
    """`$LEASED_SEED`, else a new one. Printed, so that a failure's report shows it."""
    named = os.environ.get("LEASED_SEED")
    chosen = int(named) if named else random.SystemRandom().randrange(2**32)
    print(f"replay with LEASED_SEED={chosen}")
    return chosen


def rounds(variable: str, default: int) -> int:
    """How often a test repeats, from the environment."""
    return int(os.environ.get(variable, str(default)))
