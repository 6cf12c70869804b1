"""The one kind of error a user can cause."""


class EmoGeneError(Exception):
    """One line for the user: what is wrong, with which file, and what to do.

    The command line prints it and exits with status 2, without a traceback.
    """
