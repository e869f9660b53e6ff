"""A model and a tokenizer out of nothing, of the same family as the real ones: for tests and the demo."""

from collections.abc import Iterable
from typing import Any

from termforge.train.chat import THINK_END, THINK_START, TURN_END, TURN_START
from termforge.train.recipes import RandomModel

PAD = "<|endoftext|>"


def tokenizer(texts: Iterable[str], vocabulary: int) -> Any:
    """A byte-level BPE trained on `texts`, with Qwen's markers. The same texts give the same tokenizer."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    thinking = [AddedToken(marker, special=False, normalized=False) for marker in (THINK_START, THINK_END)]
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary - len(thinking),
        special_tokens=[PAD, TURN_START, TURN_END],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    bpe.train_from_iterator(texts, trainer)
    bpe.add_tokens(thinking)
    fast: Any = PreTrainedTokenizerFast
    return fast(tokenizer_object=bpe, eos_token=TURN_END, pad_token=PAD)


def model(shape: RandomModel, vocabulary: int, positions: int, attention: str, seed: int) -> Any:
    """A Qwen3 with random weights in float32."""
    import torch
    from transformers import Qwen3Config, Qwen3ForCausalLM

    torch.manual_seed(seed)
    config = Qwen3Config(
        vocab_size=vocabulary,
        hidden_size=shape.hidden,
        intermediate_size=2 * shape.hidden,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.kv_heads,
        head_dim=shape.hidden // shape.heads,
        max_position_embeddings=positions,
        tie_word_embeddings=True,
    )
    config._attn_implementation = attention
    return Qwen3ForCausalLM(config)
