"""What ends a run. Neither is seen by clients, so neither is in the project's error tree."""


class CannotRun(Exception):
    """The service cannot be started or cannot go on; the text says so to a person."""


class StopAsked(Exception):
    """Ctrl-C or a signal asked for the service to stop."""
