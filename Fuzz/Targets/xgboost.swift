/// XGBoost's own files, JSON and UBJSON: both begin with an object.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzXGBoost(_ data: UnsafePointer<UInt8>, _ count: Int) -> CInt {
  // -1 keeps other formats out of this target's corpus.
  guard count > 1, data[0] == UInt8(ascii: "{") else { return -1 }
  ModelProbe.run(bytes(data, count))
  return 0
}
