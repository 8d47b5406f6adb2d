/// LightGBM's text files, which begin with the word `tree`.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzLightGBM(_ data: UnsafePointer<UInt8>, _ count: Int) -> CInt {
  // -1 keeps other formats out of this target's corpus.
  guard count > 4, data[0] == UInt8(ascii: "t"), data[3] == UInt8(ascii: "e") else { return -1 }
  ModelProbe.run(bytes(data, count))
  return 0
}
