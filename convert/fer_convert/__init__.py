"""Convert trained models to TFLite and ONNX files and check their parity with the float model."""
