"""A tiny transformer in numpy: real attention with a real key-value cache, and nothing it has learned.

Owns the arithmetic. Its weights come from a fixed seed, so the same prompt always gives the same text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
ALPHABET = "abcdefghijklmnopqrstuvwxyz .,;:!?ABCDEFGHIJKLMNOPQRSTUVWXYZ01234"
WIDTH, HEADS, LAYERS = 64, 4, 2
NAME = "tiny-2l-64d"


def encode(text: str) -> list[int]:
    """Tokens of a text: one a character; what the alphabet does not know is a blank. Never empty."""
    return [max(0, ALPHABET.find(char)) if char in ALPHABET else 26 for char in text] or [26]


def decode(token: int) -> str:
    """The text of a token."""
    return ALPHABET[token]


@dataclass(slots=True)
class Generation:
    """One text on its way: tokens that were not fed yet, and the cache of those that were."""

    pending: list[int]
    keys: list[Floats] = field(default_factory=lambda: [np.empty((0, WIDTH), np.float32)] * LAYERS)
    values: list[Floats] = field(default_factory=lambda: [np.empty((0, WIDTH), np.float32)] * LAYERS)


class TinyModel:
    """Weights, and one step over a batch of any mixture of prompts and continuations."""

    def __init__(self) -> None:
        random = np.random.default_rng(2026)

        def matrix(*shape: int) -> Floats:
            return (random.standard_normal(shape) / np.sqrt(shape[-2])).astype(np.float32)

        self._embedding = matrix(len(ALPHABET), WIDTH) * np.float32(8)
        self._qkv, self._out = matrix(LAYERS, WIDTH, 3 * WIDTH), matrix(LAYERS, WIDTH, WIDTH)
        self._up, self._down = matrix(LAYERS, WIDTH, 4 * WIDTH), matrix(LAYERS, 4 * WIDTH, WIDTH)

    def step(self, batch: Sequence[Generation]) -> list[int]:
        """Feed every text what it has pending, and add the most probable next token to it. Returns those."""
        lengths = [len(one.pending) for one in batch]
        ends = np.cumsum(lengths)
        x = self._embedding[np.concatenate([one.pending for one in batch])]
        for layer in range(LAYERS):
            query, key, value = np.split(_norm(x) @ self._qkv[layer], 3, axis=1)
            mixed = np.empty_like(query)
            for one, end, length in zip(batch, ends, lengths, strict=True):
                rows = slice(end - length, end)
                one.keys[layer] = np.concatenate([one.keys[layer], key[rows]])
                one.values[layer] = np.concatenate([one.values[layer], value[rows]])
                mixed[rows] = _attend(query[rows], one.keys[layer], one.values[layer])
            x = x + mixed @ self._out[layer]
            x = x + np.maximum(_norm(x) @ self._up[layer], 0) @ self._down[layer]
        logits = _norm(x[ends - 1]) @ self._embedding.T
        chosen = [int(token) for token in logits.argmax(axis=1)]
        for one, token in zip(batch, chosen, strict=True):
            one.pending = [token]
        return chosen


def _attend(query: Floats, keys: Floats, values: Floats) -> Floats:
    new, seen, width = len(query), len(keys), WIDTH // HEADS
    q, k, v = (part.reshape(-1, HEADS, width).transpose(1, 0, 2) for part in (query, keys, values))
    scores = q @ k.transpose(0, 2, 1) / np.sqrt(np.float32(width))
    # A token sees itself and what came before it.
    scores = np.where(np.tril(np.ones((new, seen), bool), seen - new), scores, np.float32(-1e9))
    weights = np.exp(scores - scores.max(axis=2, keepdims=True))
    weights /= weights.sum(axis=2, keepdims=True)
    return np.asarray((weights @ v).transpose(1, 0, 2).reshape(new, WIDTH), np.float32)


def _norm(x: Floats) -> Floats:
    return np.asarray(x / np.sqrt((x * x).mean(axis=1, keepdims=True) + 1e-6), np.float32)
