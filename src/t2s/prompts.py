"""What a prompt asks for: which known signs it names, in which order, and which words nobody knows."""

import difflib
import hashlib
import json
import logging
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain, count
from textwrap import shorten

from tokenizers import Tokenizer

from t2s.errors import UserError
from t2s.letters import composed, folded

logger = logging.getLogger(__name__)
UNSPACED = ("CJK UNIFIED", "HIRAGANA", "KATAKANA", "THAI", "LAO", "KHMER", "MYANMAR")  # names of characters
PLAIN_MARKS = "-_.,;:!?'\"¡¿。、，！？؟।"
MAX_PROMPT = 1000  # characters, as data.max_caption_length's default: a clip per sign, so no essay


@dataclass(frozen=True)
class ParsedPrompt:
    """`signs`: known prompts in order; `unknown`: words that belong to none of them, as written."""

    signs: list[str]
    unknown: list[str]


def is_lexical(noted: object, tokenizer: object) -> bool:
    """Whether a checkpoint's prompts are known signs, not free sentences, by what it says of itself.

    noted: its `lexical`; a file from before that was noted is told by its tokenizer.
    """
    return noted if isinstance(noted, bool) else tokenizer != "bpe"


def parse_prompt(text: str, known: Sequence[str]) -> ParsedPrompt:
    """Cut a text into known prompts, longest first; case, spacing and punctuation around a word aside.

    Raises:
        UserError: see `require_text`.
    """
    require_text(text)
    words = text.split()
    by_words = _by_words(known)
    longest = max((len(key) for key in by_words), default=1)
    signs: list[str] = []
    unknown, at = [], 0
    while at < len(words):
        for size in range(min(longest, len(words) - at), 0, -1):
            found = _find(words[at : at + size], by_words)
            if found is not None:
                signs.append(found)
                at += size
                break
        else:
            inside = _cut(words[at], by_words)
            signs += inside or []
            unknown += [] if inside else [words[at]]
            at += 1
    return ParsedPrompt(signs, unknown)


Words = tuple[str, ...]


def _by_words(known: Sequence[str]) -> dict[Words, str]:
    """Known prompts by their words, as written and ever looser; where two would be one, the stricter form counts."""
    found: dict[Words, str] = {}
    for form in FORMS:
        keys = [tuple(map(form, prompt.split())) for prompt in known]
        common = Counter(keys)
        for key, prompt in zip(keys, known, strict=True):
            if form is not _bare or (common[key] == 1 and all(key)):  # without its marks `C++` would be `C#`
                found.setdefault(key, prompt)
    return found


def _find(words: Sequence[str], by_words: dict[Words, str]) -> str | None:
    keys = (tuple(map(form, words)) for form in FORMS)
    return next((by_words[key] for key in keys if key in by_words), None)


def _cut(word: str, by_words: dict[Words, str]) -> list[str] | None:
    """A word of a script that writes no spaces as known prompts, longest first; None where that is not all of it."""
    longest = max((len(key[0]) for key in by_words if len(key) == 1), default=0)
    if not all(map(_is_unspaced, _without_punctuation(word) or "-")):
        return None
    signs, at = [], 0
    while at < len(word):
        for end in range(min(len(word), at + longest), at, -1):
            found = _find([word[at:end]], by_words)
            if found is not None:
                signs.append(found)
                at = end
                break
        else:
            if not _is_mark(word[at]):
                return None
            at += 1
    return signs


def _is_unspaced(character: str) -> bool:
    """Of Chinese, Japanese or Thai writing, punctuation included."""
    return _is_mark(character) or unicodedata.name(character, "").startswith(UNSPACED)


def _is_mark(character: str) -> bool:
    return unicodedata.category(character)[0] in "PS"


def _alike(text: str) -> str:
    """Case and the ways to write one letter aside: `é` may be one character or two, `ß` is `ss`.

    Looser than `folded`: a sign that is found is read to the model as its caption is written.
    """
    return unicodedata.normalize("NFKC", text).casefold()


def _bare(word: str) -> str:
    return _without_punctuation(_alike(word))


def _without_punctuation(word: str) -> str:
    """`hello!` → `hello`, `"can't"` → `can't`; Unicode's categories P and S tell."""
    kept = [place for place, character in enumerate(word) if not _is_mark(character)]
    return word[kept[0] : kept[-1] + 1] if kept else ""


FORMS = (composed, folded, _alike, _bare)  # of a word, from the strictest to the loosest


def explain_unknown(unknown: Sequence[str], known: Sequence[str]) -> str:
    """One line that names each unknown word with the closest known prompts, and lists what is known."""
    by_fold = {_alike(prompt): prompt for prompt in known}
    clauses = []
    for word in unknown:
        close = [by_fold[fold] for fold in difflib.get_close_matches(_alike(word), by_fold, n=3, cutoff=0.5)]
        clauses.append(f"'{word}'" + (f" (closest: {', '.join(close)})" if close else ""))
    shown = ", ".join(sorted(known)[:60]) + (" …" if len(known) > 60 else "")
    return f"unknown: {', '.join(clauses)}; known signs: {shown}"


def known_captions(texts: Sequence[str], captions: Iterable[str]) -> list[str]:
    """Those of `texts` that are one of the captions a model of sentences was trained on, case and spacing aside."""
    known = {folded(caption) for caption in captions}
    return [text for text in texts if folded(text) in known]


def remark_on(text: str, captions: Iterable[str], unknown: Sequence[str]) -> str | None:
    """One line on a sentence that is none of the train captions, else None. `unknown`: its words that no caption has.

    Raises:
        UserError: see `require_text`.
    """
    require_text(text)
    if known_captions([text], captions):
        return None
    shown = shorten(text, 60, placeholder=" …")
    never_seen = f", and it has never seen: {', '.join(unknown)}" if unknown else ""
    return f"'{shown}' is not among the captions the model was trained on{never_seen}"


def answerable(
    asked: Sequence[str], known: Sequence[str], is_lexical: bool, otherwise: int = 6
) -> tuple[list[str], str | None]:
    """Which of the prompts asked for to draw, and one line where it is not all of them.

    A model of signs draws those that name a sign it knows, one of sentences all, as long as one is a caption it was
    trained on: a new sentence is what it is for. Where nothing asked for is known, both draw their first `otherwise`
    own ones.

    Args:
        known: the prompts that the model was trained on.
        is_lexical: whether these are signs, not sentences.
    """
    own = list(known[:otherwise])
    if not is_lexical:
        if known_captions(asked, known):
            return list(asked), None
        shown = "; ".join(shorten(caption, 60, placeholder=" …") for caption in own[:3])
        return own, (
            f"none of {', '.join(asked)} is among the captions the model was trained on ({shown} …); its own first "
            f"{len(own)} are drawn instead, and `t2s sample` draws any sentence"
        )
    kept = [prompt for prompt in asked if parse_prompt(prompt, known).signs]
    left_out = [prompt for prompt in asked if prompt not in kept]
    if not left_out:
        return kept, None
    instead = "" if kept else f"; its own first {len(own)} signs are drawn instead"
    return kept or own, f"the model does not know {', '.join(left_out)}{instead}"


def require_text(text: str) -> None:
    """Raises UserError when a prompt is nothing but white space, longer than MAX_PROMPT, or holds a NUL character."""
    if not text.strip():
        raise UserError("the prompt is empty: give a text, for example: t2s sample hello")
    if len(text) > MAX_PROMPT:
        raise UserError(f"the prompt has {len(text)} characters: at most {MAX_PROMPT} are read")
    if "\0" in text:
        raise UserError("the prompt holds a NUL character; leave it out")


def warn_of_unread(texts: Sequence[str], tokenizer: str, max_length: int) -> None:
    """Log what of the captions the model never reads: what is beyond `max_length` tokens, words without a token.

    `tokenizer`: serialized, as checkpoints keep it.
    """
    encoded = Tokenizer.from_str(tokenizer).encode_batch(list(texts))
    lengths = [len(encoding.ids) for encoding in encoded]
    num_cut = sum(length > max_length for length in lengths)
    if num_cut:
        logger.warning(
            "%d of %d train captions have more than model.text.max_length = %d tokens, the longest %d: what is beyond "
            "is not read",
            num_cut, len(texts), max_length, max(lengths),
        )  # fmt: skip
    unknown = json.loads(tokenizer)["model"]["unk_token"]
    num_unknown = sum(unknown in encoding.tokens for encoding in encoded)
    if num_unknown:
        logger.warning(
            "%d of %d train captions hold words beyond the most frequent model.text.vocab_size: these all read alike",
            num_unknown, len(texts),
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
    """A safe, readable file name for a prompt: letters, digits and hyphens of its first 60 characters.

    Where more is left out than white space and the punctuation of a sentence, a digest tells it from others: `C++` is
    not `C#`.
    """
    told = text.strip().casefold()
    kept = "".join(character if _is_letter(character) else "-" for character in told[:60])
    stem = "-".join(filter(None, kept.split("-"))) or "clip"
    is_all = all(_is_letter(character) or character.isspace() or character in PLAIN_MARKS for character in told[:60])
    return stem if is_all else f"{stem}-{hashlib.sha256(told.encode('utf-8', 'replace')).hexdigest()[:6]}"


def _is_letter(character: str) -> bool:
    """A letter or digit, or a mark that belongs to one, as vowels do in Hindi and Arabic."""
    return character.isalnum() or unicodedata.category(character)[0] == "M"


def is_visible(text: str) -> bool:
    """Whether it holds no control character; the joiners that Persian and Hindi words and some emoji hold may be."""
    return text.replace("\u200c", "").replace("\u200d", "").isprintable()
