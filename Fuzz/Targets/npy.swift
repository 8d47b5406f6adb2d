/// numpy arrays.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzNpy(_ data: UnsafePointer<UInt8>, _ count: Int) -> CInt {
  RowProbe.run(data, count, RowProbe.numbers) { try NpyReader($0, $1) }
  return 0
}
