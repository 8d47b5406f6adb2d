/// JSON objects, one a line.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzJSONLines(_ data: UnsafePointer<UInt8>, _ count: Int) -> CInt {
  // -1 keeps other formats out of this target's corpus.
  let first = (0..<count).first { ![0x20, 0x09, 0x0A, 0x0D].contains(data[$0]) }
  guard let first, data[first] == UInt8(ascii: "{") else { return -1 }
  RowProbe.run(bytes(data, count), RowProbe.mixed)
  return 0
}
