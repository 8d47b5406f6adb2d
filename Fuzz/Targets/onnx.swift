/// ONNX files: protobuf, tensors, graph, kernels.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOnnx(_ data: UnsafePointer<UInt8>, _ count: Int) -> CInt {
  _ = ModelProbe.run(bytes(data, count))
  return 0
}
