"""What ends a run. Neither is seen by clients, so neither is in the project's error tree."""


class CannotRun(Exception):  # noqa: N818 - reads as a sentence where it is raised
    """The service cannot be started or cannot go on; the text says so to a person."""


class StopAsked(Exception):  # noqa: N818 - not an error
    """Ctrl-C or a signal asked for the service to stop."""
