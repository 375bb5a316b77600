"""The local encoder as an ONNX graph, made from the weights alone.

BERT (Devlin et al., NAACL 2019) with six layers, as all-MiniLM-L6-v2 has it; the vector is the mean of
the last layer's states over the attention mask, L2-normalised (Reimers and Gurevych, EMNLP 2019).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper

from retrieval.encoders.weights import HIDDEN, STATE_LAYERS

LAYERS = 6
HEADS = 12
EPSILON = 1e-12

# Fused operators of onnxruntime. Against plain ONNX operators they take 3 to 15 per cent off a short
# question, and they do not depend on the optimiser recognising a pattern.
FUSED = "com.microsoft"

# Mapped weights begin on a page, so that one tensor never drags in half of its neighbour.
_PAGE = 4096

Array = NDArray[np.float32]
Weights = Mapping[str, NDArray[np.generic]]


@dataclass(slots=True, kw_only=True)
class _Builder:
    """Collects nodes and tensors; tensors go into one file beside the graph."""

    location: str
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    tensors: list[TensorProto] = field(default_factory=list)
    pieces: list[bytes] = field(default_factory=list)
    length: int = 0

    def tensor(self, name: str, value: NDArray[np.generic]) -> str:
        raw = np.ascontiguousarray(value).tobytes()
        proto = TensorProto(
            name=name, dims=value.shape, data_type=helper.np_dtype_to_tensor_dtype(value.dtype)
        )
        proto.data_location = TensorProto.EXTERNAL
        for key, text in (("location", self.location), ("offset", self.length), ("length", len(raw))):
            proto.external_data.add(key=key, value=str(text))
        self.tensors.append(proto)
        self.pieces += [raw, bytes(-len(raw) % _PAGE)]
        self.length += len(raw) + -len(raw) % _PAGE
        return name

    def constant(self, name: str, numbers: list[int]) -> str:
        # Shapes and axes stay inside the graph: onnxruntime wants to see them while it loads.
        self.tensors.append(helper.make_tensor(name, TensorProto.INT64, [len(numbers)], numbers))
        return name

    def node(self, kind: str, inputs: list[str], output: str, domain: str = "", **attributes: float) -> str:
        node = helper.make_node(kind, inputs, [output], domain=domain)
        node.attribute.extend(helper.make_attribute(name, value) for name, value in attributes.items())
        self.nodes.append(node)
        return output


def build_graph(weights: Weights, location: str) -> tuple[bytes, Iterator[bytes]]:
    """The serialised graph, and the pieces of the file `location` that holds its weights.

    weights: tensors by their names in the safetensors file, torch layout (out, in).
    location: name of the weights file, relative to the graph's own folder.

    Inputs: input_ids and attention_mask, int32, shape (texts, tokens). Outputs: vector, float32, shape
    (texts, 384), and for each of STATE_LAYERS states_N, float32, shape (texts, tokens, 384).
    Raises KeyError when a tensor is missing.
    """
    builder = _Builder(location=location)
    states = _embeddings(builder, weights)
    for layer in range(1, LAYERS + 1):
        states = _layer(builder, weights, layer, states)
    _pool(builder, states)
    return _model(builder).SerializeToString(deterministic=True), iter(builder.pieces)


def _float(weights: Weights, name: str) -> Array:
    return weights[name].astype(np.float32, copy=False)


def _linear(weights: Weights, name: str) -> Array:
    """A weight matrix as MatMul wants it: (in, out)."""
    return _float(weights, f"{name}.weight").T


def _embeddings(builder: _Builder, weights: Weights) -> str:
    # Every token is of type 0, so that type's vector is added to the positions once and for all.
    positions = _float(weights, "embeddings.position_embeddings.weight")
    positions = positions + _float(weights, "embeddings.token_type_embeddings.weight")[0]
    words = builder.tensor("words", _float(weights, "embeddings.word_embeddings.weight"))
    shape = builder.node("Shape", ["input_ids"], "shape")
    tokens = builder.node(
        "Slice", [shape, builder.constant("one", [1]), builder.constant("two", [2])], "tokens"
    )
    bounds = [builder.constant("zero", [0]), tokens, builder.constant("axis_0", [0])]
    position = builder.node("Slice", [builder.tensor("positions", positions), *bounds], "position")
    word = builder.node("Gather", [words, "input_ids"], "word")
    total = builder.node("Add", [word, position], "embedded")
    norm = _norm_tensors(builder, weights, "embeddings.LayerNorm", "states_0")
    return builder.node("LayerNormalization", [total, *norm], "states_0", epsilon=EPSILON, axis=-1)


def _layer(builder: _Builder, weights: Weights, layer: int, states: str) -> str:
    prefix = f"encoder.layer.{layer - 1}"
    context = _attention(builder, weights, layer, states)
    projected = _project(builder, weights, f"{prefix}.attention.output.dense", context, f"projected_{layer}")
    attended = _add_and_norm(
        builder, weights, f"{prefix}.attention.output", projected, states, f"attended_{layer}"
    )
    wide = _project(builder, weights, f"{prefix}.intermediate.dense", attended, f"wide_{layer}")
    bias = builder.tensor(f"wide_{layer}_bias", _float(weights, f"{prefix}.intermediate.dense.bias"))
    active = builder.node("BiasGelu", [wide, bias], f"active_{layer}", FUSED)
    narrow = _project(builder, weights, f"{prefix}.output.dense", active, f"narrow_{layer}")
    return _add_and_norm(builder, weights, f"{prefix}.output", narrow, attended, f"states_{layer}")


def _attention(builder: _Builder, weights: Weights, layer: int, states: str) -> str:
    names = [f"encoder.layer.{layer - 1}.attention.self.{part}" for part in ("query", "key", "value")]
    weight = np.concatenate([_linear(weights, name) for name in names], axis=1)
    bias = np.concatenate([_float(weights, f"{name}.bias") for name in names])
    inputs = [builder.tensor(f"qkv_{layer}", weight), builder.tensor(f"qkv_{layer}_bias", bias)]
    return builder.node(
        "Attention", [states, *inputs, "attention_mask"], f"context_{layer}", FUSED, num_heads=HEADS
    )


def _project(builder: _Builder, weights: Weights, name: str, states: str, output: str) -> str:
    weight = builder.tensor(f"{output}_weight", _linear(weights, name))
    return builder.node("MatMul", [states, weight], output)


def _add_and_norm(
    builder: _Builder, weights: Weights, prefix: str, states: str, residual: str, output: str
) -> str:
    norm = _norm_tensors(builder, weights, f"{prefix}.LayerNorm", output)
    bias = builder.tensor(f"{output}_bias", _float(weights, f"{prefix}.dense.bias"))
    inputs = [states, residual, *norm, bias]
    return builder.node("SkipLayerNormalization", inputs, output, FUSED, epsilon=EPSILON)


def _norm_tensors(builder: _Builder, weights: Weights, name: str, output: str) -> list[str]:
    return [
        builder.tensor(f"{output}_norm_weight", _float(weights, f"{name}.weight")),
        builder.tensor(f"{output}_norm_bias", _float(weights, f"{name}.bias")),
    ]


def _pool(builder: _Builder, states: str) -> None:
    # The sum stands in for the mean: dividing by the count of tokens cancels in the normalisation.
    mask = builder.node("Cast", ["attention_mask"], "mask", to=TensorProto.FLOAT)
    row = builder.node("Unsqueeze", [mask, builder.constant("axis_1", [1])], "mask_row")
    total = builder.node("MatMul", [row, states], "total")
    flat = builder.node("Squeeze", [total, "axis_1"], "flat")
    builder.node("LpNormalization", [flat], "vector", p=2, axis=-1)


def _model(builder: _Builder) -> onnx.ModelProto:
    shape = ["texts", "tokens"]
    inputs = [
        helper.make_tensor_value_info(name, TensorProto.INT32, shape)
        for name in ("input_ids", "attention_mask")
    ]
    outputs = [helper.make_tensor_value_info("vector", TensorProto.FLOAT, ["texts", HIDDEN])]
    outputs += [
        helper.make_tensor_value_info(f"states_{layer}", TensorProto.FLOAT, [*shape, HIDDEN])
        for layer in STATE_LAYERS
    ]
    graph = helper.make_graph(builder.nodes, "all-MiniLM-L6-v2", inputs, outputs, builder.tensors)
    opsets = [helper.make_opsetid("", 21), helper.make_opsetid(FUSED, 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=10)
