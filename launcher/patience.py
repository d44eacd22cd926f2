"""How long the supervisor waits for what."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Patience:
    """How long the supervisor waits, in seconds. A child that hangs has a successor within a minute.

    Attributes
    ----------
    ask_every
        Between an answer and the next question; until the first answer, a tenth of it.
    answer
        For an answer: three missing ones in a row take 24 to 39 seconds.
    silence
        Without a heartbeat. A computation that holds the interpreter delays heartbeats by seconds only.
    start
        For the first sign of life: a program may first move the data of an older release.
    back_off
        From an end to the next start; doubled at each further end in a row (`launcher.backoff`).
    store
        For Valkey, before the API is started without it: loading its data may take minutes.
    """

    ask_every: float = 5.0
    answer: float = 8.0
    silence: float = 45.0
    start: float = 300.0
    back_off: float = 0.2
    store: float = 3.0


PATIENCE = Patience()
