"""One text, however its letters are written."""

import unicodedata


def composed(text: str) -> str:
    """Unicode's NFC: one character for a letter with its marks, where there is one. A Mac's file names have two."""
    return unicodedata.normalize("NFC", text)


def folded(text: str) -> str:
    """As the tokenizer sees it: NFKC, no upper case, white space of no matter."""
    return " ".join(unicodedata.normalize("NFKC", text).lower().split())
