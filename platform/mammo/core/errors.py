"""Errors that a user can mend; every one names what is wrong and what to do."""


class UserError(Exception):
    """Bad input: the message is one line for the person who gave it (file, field or row, and the mend)."""


class WrongStateError(UserError):
    """The object is not in a state that allows this change (HTTP 409)."""


class NotAllowedError(UserError):
    """The account may not do this; pages answer as for an unknown object (HTTP 404)."""


class StaleVersionError(UserError):
    """Someone saved in between (HTTP 409); carries the text that stands now so that neither is lost."""

    def __init__(self, message: str, *, current: object, current_version: int) -> None:
        super().__init__(message)
        self.current = current
        self.current_version = current_version


class EndedEarlyError(OSError):
    """The system ended work that keeps what it has done so far (a full disk, say); the same command goes on with it."""

    def __init__(self, error: OSError, done: str) -> None:
        """
        Args:
            error: what the system said; its number, words and path stay.
            done: one clause that tells what stays.
        """
        super().__init__(error.errno, error.strerror, error.filename)
        self.done = done
