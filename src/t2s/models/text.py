"""Prompts: a tokenizer kept in the checkpoint, and an encoder trained with the model. L tokens, D width."""

import hashlib
from collections.abc import Iterable, Sequence
from typing import Protocol, assert_never

import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers
from torch import Tensor, nn

from t2s.models.attention import Attention
from t2s.models.config import Norm, TextConfig
from t2s.models.embedding import sincos_1d

PAD, UNKNOWN = "[PAD]", "[UNK]"
PAD_ID, UNKNOWN_ID = 0, 1


class PromptTokenizer:
    """Text → token ids: NFKC, lower case, split at white space and punctuation. The caption itself stays as it was."""

    def __init__(self, serialized: str, max_length: int) -> None:
        self.serialized = serialized
        self.max_length = max_length
        self._tokenizer: Tokenizer = Tokenizer.from_str(serialized)

    @classmethod
    def fit(cls, texts: Iterable[str], config: TextConfig) -> "PromptTokenizer":
        """Learn the vocabulary from the train captions; the same captions give the same vocabulary in any order."""
        special = [PAD, UNKNOWN]
        trainer: trainers.Trainer
        size = config.vocab_size
        match config.tokenizer:
            case "word":
                tokenizer = Tokenizer(models.WordLevel(unk_token=UNKNOWN))
                trainer = trainers.WordLevelTrainer(vocab_size=size, special_tokens=special, show_progress=False)
            case "bpe":
                tokenizer = Tokenizer(models.BPE(unk_token=UNKNOWN))
                trainer = trainers.BpeTrainer(  # a pair seen once would be the whole of a clause, and of no other
                    vocab_size=size, special_tokens=special, show_progress=False, min_frequency=2
                )
            case _:
                assert_never(config.tokenizer)
        tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
        words = pre_tokenizers.Whitespace()
        marked = pre_tokenizers.Sequence([words, pre_tokenizers.Metaspace(prepend_scheme="always")])
        tokenizer.pre_tokenizer = marked if config.tokenizer == "bpe" else words  # else `in to` and `into` were one
        tokenizer.train_from_iterator(sorted(texts), trainer)
        return cls(tokenizer.to_str(), config.max_length)

    @property
    def vocab_size(self) -> int:
        size: int = self._tokenizer.get_vocab_size()
        return size

    def encode(self, texts: Sequence[str]) -> Tensor:
        """(B, max_length) int64, padded with 0 and cut at max_length; an empty text is the null prompt."""
        ids = torch.zeros(len(texts), self.max_length, dtype=torch.int64)
        for row, encoding in enumerate(self._tokenizer.encode_batch(list(texts))):
            kept = encoding.ids[: self.max_length]
            ids[row, : len(kept)] = torch.tensor(kept, dtype=torch.int64)
        return ids

    def unknown_words(self, text: str) -> list[str]:
        """The words of `text` that the model has never seen, as they were written."""
        encoding = self._tokenizer.encode(text)
        return [text[a:b] for id_, (a, b) in zip(encoding.ids, encoding.offsets, strict=True) if id_ == UNKNOWN_ID]


class TextEncoder(Protocol):
    """What reads prompts for a ViViT: an nn.Module, such as a frozen pretrained encoder (docs/extending.md)."""

    def __call__(self, prompt_ids: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(B, L) int64, all 0 = the null prompt → tokens (B, L', D), pooled (B, D), counts (B, L') bool.

        D is `model.width`. At least one token of each prompt counts, of the null prompt too.
        """
        ...


def encoder_name(encoder: TextEncoder | None) -> str | None:
    """What a checkpoint calls the text encoder it needs: the class of one's own, None for ours."""
    return None if encoder is None else type(encoder).__name__


def identity(encoder: TextEncoder | None) -> str | None:
    """The class of one's own encoder and a digest of what it brings and does not train; None for ours.

    A frozen encoder of other weights is another one: what was learnt beside the first fits no second.
    """
    if not isinstance(encoder, nn.Module):
        return encoder_name(encoder)
    trained = {name for name, parameter in encoder.named_parameters() if parameter.requires_grad}
    digest = hashlib.sha256()
    for name, tensor in sorted(encoder.state_dict().items()):
        if name not in trained:
            digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
            digest.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes())
    return f"{encoder_name(encoder)} {digest.hexdigest()[:16]}"


class TrainedTextEncoder(nn.Module):
    """Token embeddings with positions, a small transformer over them, their mean as the pooled text."""

    def __init__(self, vocab_size: int, width: int, num_heads: int, config: TextConfig, norm: Norm = "layer") -> None:
        super().__init__()
        self.tokens = nn.Embedding(vocab_size, width)
        self.null = nn.Parameter(torch.zeros(width))
        nn.init.normal_(self.tokens.weight, std=0.5)
        nn.init.normal_(self.null, std=0.5)
        self.positions = nn.Parameter(sincos_1d(config.max_length, width, scale=0.1))
        self.layers = nn.ModuleList(TextLayer(width, num_heads, norm) for _ in range(config.depth))
        self.norm = nn.LayerNorm(width)

    def forward(self, prompt_ids: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(B, L) int64, 0 = padding → tokens (B, L, D), pooled (B, D), counts (B, L) bool.

        An all-padding row is the null prompt: one learned token in the first place, which counts.
        """
        counts = prompt_ids != PAD_ID  # (B, L)
        is_null = ~counts.any(1, keepdim=True)
        first = torch.zeros_like(counts)
        first[:, 0] = True
        x = self.tokens(prompt_ids) + self.positions
        x = torch.where((is_null & first).unsqueeze(-1), self.null.to(x.dtype), x)  # (B, L, D)
        counts = counts | (is_null & first)
        for layer in self.layers:
            x = layer(x, counts)
        x = self.norm(x)
        share = counts.unsqueeze(-1).to(x.dtype)
        pooled = (x * share).sum(1) / share.sum(1)
        return x, pooled, counts


class TextLayer(nn.Module):
    """A pre-norm transformer layer that looks only at counting tokens."""

    def __init__(self, width: int, num_heads: int, norm: Norm) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(width)
        self.attention = Attention(width, num_heads, with_prompt=False, norm=norm)
        self.mlp_norm = nn.LayerNorm(width)
        self.mlp = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))

    def forward(self, x: Tensor, counts: Tensor) -> Tensor:
        x = x + self.attention(self.attention_norm(x), counts=counts[:, None, None, :])
        result: Tensor = x + self.mlp(self.mlp_norm(x))
        return result
