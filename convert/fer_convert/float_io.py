"""Float32 input and output for an int8 .tflite file, as required by LiteRT.js."""

from typing import Any

from fer_sdk.errors import BundleError


def with_float_io(data: bytes) -> bytes:
    """Return the same int8 network with float32 pixels as input and float32 logits as output.

    Weights and quantization parameters are unchanged: the first operator quantizes float32 instead
    of uint8, and a DEQUANTIZE operator is appended.

    Args:
        data: A .tflite file written by `recipes.int8_full`: uint8 input, int8 output.

    Raises:
        BundleError: If the file does not have uint8 input and int8 output.
    """
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    model: Any = schema.ModelT.InitFromPackedBuf(data, 0)
    (graph,) = model.subgraphs
    face, output = graph.tensors[graph.inputs[0]], graph.tensors[graph.outputs[0]]
    first = model.operatorCodes[graph.operators[0].opcodeIndex].builtinCode
    types = schema.TensorType
    if (face.type, output.type, first) != (
        types.UINT8,
        types.INT8,
        schema.BuiltinOperator.QUANTIZE,
    ):
        raise BundleError("float input and output need a full int8 .tflite file with uint8 input")

    face.type, face.quantization = types.FLOAT32, None
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.DEQUANTIZE
    code.version = 2
    model.operatorCodes.append(code)
    model.buffers.append(schema.BufferT())
    logits = schema.TensorT()
    logits.name, logits.shape, logits.type = b"logits", output.shape, types.FLOAT32
    logits.buffer = len(model.buffers) - 1
    graph.tensors.append(logits)
    last = schema.OperatorT()
    last.opcodeIndex = len(model.operatorCodes) - 1
    last.inputs, last.outputs = [graph.outputs[0]], [len(graph.tensors) - 1]
    graph.operators.append(last)
    graph.outputs = last.outputs
    for signature in model.signatureDefs or ():
        signature.outputs[0].tensorIndex = last.outputs[0]

    builder = flatbuffers.Builder(len(data) + 4096)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())
