"""Errors that end a run. Clients never see them, so they are not in the project's error tree."""


class CannotRun(Exception):
    """The service cannot start or cannot go on; the text tells the user why."""


class StopRequested(Exception):
    """Ctrl-C, SIGTERM or SIGHUP asked the service to stop."""
