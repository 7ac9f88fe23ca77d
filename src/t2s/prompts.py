"""What a prompt asks for: which known signs it names, in which order, and which words nobody knows."""

import difflib
import logging
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, count

from tokenizers import Tokenizer

from t2s.errors import UserError

logger = logging.getLogger(__name__)
MAX_PROMPT = 1000  # characters, as data.max_caption_length's default: a clip per sign, so no essay


@dataclass(frozen=True)
class ParsedPrompt:
    """`signs`: known prompts in order; `unknown`: words that belong to none of them, as written."""

    signs: list[str]
    unknown: list[str]


def parse_prompt(text: str, known: Sequence[str]) -> ParsedPrompt:
    """Cut a text into known prompts, longest first; case, spacing and punctuation around a word aside.

    Raises:
        UserError: see `require_text`.
    """
    require_text(text)
    words = text.split()
    by_words = {tuple(prompt.casefold().split()): prompt for prompt in known}
    longest = max((len(key) for key in by_words), default=1)
    signs, unknown, at = [], [], 0
    while at < len(words):
        for size in range(min(longest, len(words) - at), 0, -1):
            written = [word.casefold() for word in words[at : at + size]]
            found = by_words.get(tuple(written)) or by_words.get(tuple(map(_without_punctuation, written)))
            if found is not None:
                signs.append(found)
                at += size
                break
        else:
            unknown.append(words[at])
            at += 1
    return ParsedPrompt(signs, unknown)


def _without_punctuation(word: str) -> str:
    """`hello!` → `hello`, `"can't"` → `can't`; Unicode's categories P and S tell."""
    kept = [place for place, character in enumerate(word) if unicodedata.category(character)[0] not in "PS"]
    return word[kept[0] : kept[-1] + 1] if kept else ""


def explain_unknown(unknown: Sequence[str], known: Sequence[str]) -> str:
    """One line that names each unknown word with the closest known prompts, and lists what is known."""
    by_fold = {prompt.casefold(): prompt for prompt in known}
    clauses = []
    for word in unknown:
        close = [by_fold[fold] for fold in difflib.get_close_matches(word.casefold(), by_fold, n=3, cutoff=0.5)]
        clauses.append(f"'{word}'" + (f" (closest: {', '.join(close)})" if close else ""))
    shown = ", ".join(sorted(known)[:60]) + (" …" if len(known) > 60 else "")
    return f"unknown: {', '.join(clauses)}; known signs: {shown}"


def require_text(text: str) -> None:
    """Raises UserError when a prompt is nothing but white space, longer than MAX_PROMPT, or holds a NUL character."""
    if not text.strip():
        raise UserError("the prompt is empty: give a text, for example: t2s sample hello")
    if len(text) > MAX_PROMPT:
        raise UserError(f"the prompt has {len(text)} characters: at most {MAX_PROMPT} are read")
    if "\0" in text:
        raise UserError("the prompt holds a NUL character; leave it out")


def warn_of_cut(texts: Sequence[str], tokenizer: str, max_length: int) -> None:
    """Log one line where captions have more than `max_length` tokens, whose ends the model therefore never reads.

    `tokenizer`: serialized, as checkpoints keep it.
    """
    lengths = [len(encoding.ids) for encoding in Tokenizer.from_str(tokenizer).encode_batch(list(texts))]
    num_cut = sum(length > max_length for length in lengths)
    if num_cut:
        logger.warning(
            "%d of %d train captions have more than model.text.max_length = %d tokens, the longest %d: what is beyond "
            "is not read",
            num_cut, len(texts), max_length, max(lengths),
        )  # fmt: skip


def file_stems(texts: Sequence[str]) -> list[str]:
    """A file name for each of several prompts, all different: those that would be the same get a number."""
    stems: list[str] = []
    for text in texts:
        stem = file_stem(text)
        numbered = (f"{stem}-{number}" for number in count(2))
        stems.append(next(name for name in chain([stem], numbered) if name not in stems))
    return stems


def file_stem(text: str) -> str:
    """A safe, readable file name for a prompt: letters, digits and hyphens of its first 60 characters."""
    kept = "".join(character if character.isalnum() else "-" for character in text.strip().casefold()[:60])
    return "-".join(filter(None, kept.split("-"))) or "clip"
