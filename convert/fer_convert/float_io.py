"""An int8 .tflite made to take and give float32, as LiteRT.js asks for."""

from typing import Any

from fer_sdk.errors import BundleError


def with_float_io(data: bytes) -> bytes:
    """Return the same int8 network for float32 pixels in and float32 logits out.

    The numbers inside stay as they are: the first operator quantises floats instead of uint8, and
    one more at the end turns int8 into floats.

    Args:
        data: A .tflite file as `recipes.int8_full` makes it: uint8 pixels in, int8 logits out.

    Raises:
        BundleError: If the file is another kind of model.
    """
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    model: Any = schema.ModelT.InitFromPackedBuf(data, 0)
    (graph,) = model.subgraphs
    entry, exit = graph.tensors[graph.inputs[0]], graph.tensors[graph.outputs[0]]
    first = model.operatorCodes[graph.operators[0].opcodeIndex].builtinCode
    types = schema.TensorType
    came = (entry.type, exit.type, first)
    if came != (types.UINT8, types.INT8, schema.BuiltinOperator.QUANTIZE):
        raise BundleError("float input and output can be given to a full int8 .tflite file alone")

    entry.type, entry.quantization = types.FLOAT32, None
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.DEQUANTIZE
    code.version = 2
    model.operatorCodes.append(code)
    model.buffers.append(schema.BufferT())
    logits = schema.TensorT()
    logits.name, logits.shape, logits.type = b"logits", exit.shape, types.FLOAT32
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
