"""The one exception for what a user can mend."""


class UserError(Exception):
    """A mistake or mishap the user can mend; each line of its text stands for itself."""
