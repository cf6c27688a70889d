"""Seeds of random tests: each test prints its seed, and `LEASED_SEED=… pytest …` replays it."""

import os
import random


def seed() -> int:
    """`$LEASED_SEED`, or else a new seed. It is printed, so that a failure's report shows it."""
    named = os.environ.get("LEASED_SEED")
    chosen = int(named) if named else random.SystemRandom().randrange(2**32)
    print(f"replay with LEASED_SEED={chosen}")
    return chosen


def rounds(variable: str, default: int) -> int:
    """How often a test repeats, from the environment."""
    return int(os.environ.get(variable, str(default)))
