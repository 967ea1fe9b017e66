"""Where chance comes from: one generator a turn, which depends on what is asked and on nothing else."""

import hashlib
import json

import numpy as np
from numpy.random import Generator


def generator(seed: int, session: tuple[str, str, int, str], turn: int) -> Generator:
    """The generator of one turn of a session.

    Not on the order of the cases, the batch or the worker; and a turn can be replayed without those before it.

    Args:
        seed: the protocol's.
        session: case, target, instance, name of the arm.
        turn: from 1.
    """
    digest = hashlib.sha256(json.dumps(session, ensure_ascii=True).encode()).digest()
    return np.random.default_rng([seed, *np.frombuffer(digest, "<u4").tolist(), turn])
