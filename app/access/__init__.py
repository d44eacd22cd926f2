"""Who may do what: keys in a file, the scope that a request needs, and the guard in front of the application."""
