/// ONNX files: protobuf, tensors, graph, kernels, and the passes that rewrite them.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOnnx(_ data: UnsafePointer<UInt8>, _ count: Int) -> CInt {
  ModelProbe.run(bytes(data, count), optimizes: true)
  return 0
}
