"""The exceptions that carry meaning between a part and the harness."""


class Refused(Exception):  # noqa: N818 - an honest no, not an error
    """An honest no: the part cannot answer here, and the message is the reason that the record shows."""


def words_of(error: BaseException) -> str:
    """Return what an error says; some say nothing, and some cannot."""
    try:
        return str.__str__(str(error))
    except BaseException:  # noqa: BLE001 - a stranger's code says the words
        return "its message cannot be read"


class UnknownName(KeyError):  # noqa: N818 - reads as a sentence at the call
    """A name that nothing is registered under; the message names the nearest ones."""

    def __str__(self) -> str:
        """Return the sentence itself: KeyError would show its repr."""
        return str(self.args[0])
