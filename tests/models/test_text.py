"""Prompts: a vocabulary that is a function of the captions, and an encoder that ignores padding."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from t2s.models.config import TextConfig
from t2s.models.text import PAD_ID, UNKNOWN_ID, PromptTokenizer, TrainedTextEncoder

SIGNS = ["hello", "thank you", "please", "sorry", "book", "drink", "good morning"]
WORD = TextConfig(tokenizer="word", vocab_size=64, max_length=4, depth=0)
BPE = TextConfig(tokenizer="bpe", vocab_size=60, max_length=12, depth=0)
SENTENCES = ["where is the station?", "the book is good", "I drink the good coffee", "is the station good"]


@pytest.mark.parametrize(("texts", "config"), [(SIGNS, WORD), (SENTENCES, BPE)])
@given(random=st.randoms())
def test_the_same_captions_in_any_order_give_the_same_vocabulary(texts, config, random) -> None:
    shuffled = texts.copy()
    random.shuffle(shuffled)
    fitted = PromptTokenizer.fit(shuffled, config)
    assert fitted.serialized == PromptTokenizer.fit(texts, config).serialized


def test_the_tokenizer_survives_the_checkpoint() -> None:
    fitted = PromptTokenizer.fit(SIGNS, WORD)
    again = PromptTokenizer(fitted.serialized, WORD.max_length)
    assert again.vocab_size == fitted.vocab_size
    assert torch.equal(again.encode(SIGNS), fitted.encode(SIGNS))


def test_known_words_have_their_own_ids_and_rows_are_padded() -> None:
    ids = PromptTokenizer.fit(SIGNS, WORD).encode(SIGNS)
    assert ids.shape == (len(SIGNS), 4)
    assert ids.dtype == torch.int64
    assert len({tuple(row) for row in ids.tolist()}) == len(SIGNS)
    assert (ids[0] != PAD_ID).tolist() == [True, False, False, False]
    assert (ids[1] != PAD_ID).tolist() == [True, True, False, False]
    assert UNKNOWN_ID not in ids


def test_an_empty_text_is_the_null_prompt_and_a_long_one_is_cut() -> None:
    tokenizer = PromptTokenizer.fit(SIGNS, WORD)
    assert not tokenizer.encode(["", "   "]).any()
    assert torch.equal(
        tokenizer.encode(["hello book drink sorry please"]), tokenizer.encode(["hello book drink sorry"])
    )


def test_case_width_and_spacing_do_not_matter() -> None:
    tokenizer = PromptTokenizer.fit(SIGNS, WORD)
    spellings = ["thank you", "Thank You", "  THANK\tyou ", "\uff34hank \uff59ou"]  # the last: full-width letters
    assert len({tuple(row) for row in tokenizer.encode(spellings).tolist()}) == 1


def test_unknown_words_are_named_as_they_were_written() -> None:
    tokenizer = PromptTokenizer.fit(SIGNS, WORD)
    assert tokenizer.unknown_words("Hello Wörld, please 🤟") == ["Wörld", ",", "🤟"]
    assert tokenizer.unknown_words("thank you") == []
    assert tokenizer.encode(["hello zebra"])[0, 1] == UNKNOWN_ID


def test_captions_beyond_ascii_are_words_like_others() -> None:
    tokenizer = PromptTokenizer.fit(["grüß gott", "שלום", "你好"], WORD)
    for word in ("grüß", "שלום", "你好"):
        assert tokenizer.unknown_words(word) == []
    composed, decomposed = "grüß", "gru\u0308ß"
    assert torch.equal(tokenizer.encode([composed]), tokenizer.encode([decomposed]))


def test_sub_words_know_where_a_word_begins() -> None:
    tokenizer = PromptTokenizer.fit(["in to", "into", "is a", "isa"], BPE)
    rows = {tuple(row) for row in tokenizer.encode(["in to", "into", "is a", "isa"]).tolist()}
    assert len(rows) == 4
    assert torch.equal(tokenizer.encode(["in  to"]), tokenizer.encode(["In to"]))


@given(st.text(max_size=60))
def test_any_text_can_be_encoded(text: str) -> None:
    for config in (WORD, BPE):
        tokenizer = PromptTokenizer.fit(SIGNS, config)
        ids = tokenizer.encode([text])
        assert ids.shape == (1, config.max_length)
        assert ids.min() >= 0
        assert ids.max() < tokenizer.vocab_size
        assert all(word in text for word in tokenizer.unknown_words(text))


def test_sub_words_spell_words_that_were_never_seen() -> None:
    tokenizer = PromptTokenizer.fit(SENTENCES, BPE)
    assert tokenizer.vocab_size <= BPE.vocab_size
    assert tokenizer.unknown_words("the tin stone") == []
    assert tokenizer.unknown_words("the zebra") == ["z"]


def test_the_vocabulary_is_bounded() -> None:
    texts = [f"word{i}" for i in range(100)]
    tokenizer = PromptTokenizer.fit(texts, WORD.model_copy(update={"vocab_size": 10}))
    assert tokenizer.vocab_size == 10


@pytest.fixture(params=[0, 2])
def encoder(request: pytest.FixtureRequest) -> TrainedTextEncoder:
    torch.manual_seed(0)
    return TrainedTextEncoder(16, 32, 2, WORD.model_copy(update={"depth": request.param})).eval()


def test_the_encoder_pools_counting_tokens_only(encoder: TrainedTextEncoder) -> None:
    ids = torch.tensor([[2, 3, 0, 0], [5, 0, 0, 0]])
    tokens, pooled, counts = encoder(ids)
    assert (tokens.shape, pooled.shape) == ((2, 4, 32), (2, 32))
    assert counts.tolist() == [[True, True, False, False], [True, False, False, False]]
    torch.testing.assert_close(pooled[0], tokens[0, :2].mean(0))
    torch.testing.assert_close(pooled[1], tokens[1, 0])


def test_the_null_prompt_is_one_learned_token(encoder: TrainedTextEncoder) -> None:
    null = torch.zeros(1, 4, dtype=torch.int64)
    _, before, counts = encoder(null)
    assert counts.tolist() == [[True, False, False, False]]
    with torch.no_grad():
        encoder.tokens.weight[PAD_ID] += 10.0
    torch.testing.assert_close(encoder(null)[1], before)
    encoder(null)[1].sum().backward()
    assert encoder.null.grad is not None
    with torch.no_grad():
        encoder.null += torch.randn(32)
    assert (encoder(null)[1] - before).abs().max() > 0.1
    word = torch.tensor([[2, 0, 0, 0]])
    unmoved = encoder(word)[1]
    with torch.no_grad():
        encoder.null += torch.randn(32)
    assert torch.equal(encoder(word)[1], unmoved)


def test_byte_pairs_of_one_sentence_alone_are_not_merged() -> None:
    """Else an unspaced clause would be one token that no other sentence holds: 你好 is seen twice, the rest once."""
    tokenizer = PromptTokenizer.fit(["你好世界", "你好朋友"], BPE)
    first, second = tokenizer.encode(["你好世界", "你好朋友"])
    assert first[0] == second[0]
    assert first.count_nonzero() == second.count_nonzero() == 3
