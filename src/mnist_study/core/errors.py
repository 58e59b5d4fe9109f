"""The one exception for what a user can put right."""


class UserError(Exception):
    """A mistake or mishap that the user can put right; each line of its text stands alone."""
