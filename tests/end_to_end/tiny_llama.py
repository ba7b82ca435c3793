"""llama.cpp's own server with a llama of one layer and random weights, made on the spot, in its own process.

``python tiny_llama.py FOLDER WORD...`` prints the server's address and serves until its standard input ends. The model
knows all bytes and the words; it mostly says one of the words, then stops. Needs the packages `gguf` and `xllamacpp`.
"""

import sys
from pathlib import Path

import gguf
import numpy as np

WIDTH, HEADS, HIDDEN, CONTEXT = 32, 2, 64, 8192
ALWAYS, AFTER_WORD = WIDTH - 1, WIDTH - 2
"""Directions of the embedding: one that every token has, one that words have."""
BOS, EOS = 1, 2
TEMPLATE = "{% for message in messages %}{{ message.role }}: {{ message.content }}\n{% endfor %}assistant: "


def write(path, words):
    tokens = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)), *words]
    kinds = [gguf.TokenType.UNKNOWN, gguf.TokenType.CONTROL, gguf.TokenType.CONTROL]
    kinds += [gguf.TokenType.BYTE] * 256 + [gguf.TokenType.NORMAL] * len(words)
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(1)
    writer.add_feed_forward_length(HIDDEN)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(HEADS)
    writer.add_rope_dimension_count(WIDTH // HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(len(tokens))
    writer.add_tokenizer_model("llama")
    writer.add_token_list(tokens)
    writer.add_token_scores([-float(number) for number in range(len(tokens))])
    writer.add_token_types(kinds)
    writer.add_bos_token_id(BOS)
    writer.add_eos_token_id(EOS)
    writer.add_unk_token_id(0)
    writer.add_chat_template(TEMPLATE)
    for name, values in tensors(len(tokens), len(words)).items():
        writer.add_tensor(name, values.astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def tensors(n_tokens, n_words):
    rng = np.random.default_rng(0)
    embedding, output = rng.normal(0, 0.3, (2, n_tokens, WIDTH))
    embedding[:, ALWAYS] = 5.0
    embedding[-n_words:, AFTER_WORD] = 5.0
    output[:, ALWAYS] = 0.0
    output[-n_words:, ALWAYS] = 1.0
    output[EOS, AFTER_WORD] = 3.0
    square = dict.fromkeys(("attn_q", "attn_k", "attn_v", "attn_output"), (WIDTH, WIDTH))
    feeding = {"ffn_gate": (HIDDEN, WIDTH), "ffn_up": (HIDDEN, WIDTH), "ffn_down": (WIDTH, HIDDEN)}
    return {
        "token_embd.weight": embedding,
        "output.weight": output,
        "output_norm.weight": np.ones(WIDTH),
        "blk.0.attn_norm.weight": np.ones(WIDTH),
        "blk.0.ffn_norm.weight": np.ones(WIDTH),
        **{f"blk.0.{name}.weight": rng.normal(0, 0.1, shape) for name, shape in (square | feeding).items()},
    }


def serve(path):
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = path
    params.n_ctx = 2 * CONTEXT
    params.n_parallel = 2
    params.n_gpu_layers = 0
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
    params.warmup = False
    params.port = 0
    server = xllamacpp.Server(params)
    sys.stdout.write(f"{server.listening_address}\n")
    sys.stdout.flush()
    sys.stdin.read()


if __name__ == "__main__":
    model = str(Path(sys.argv[1]) / "tiny.gguf")
    write(model, sys.argv[2:])
    serve(model)
