"""The one exception a user may cause: it ends in one clear line, never in a traceback."""


class UserError(Exception):
    """Something the user can mend. The message names the file or key and says what to do."""
