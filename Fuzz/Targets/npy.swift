/// numpy arrays: of records, and plain ones.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzNpy(_ data: UnsafePointer<UInt8>, _ count: Int) -> CInt {
  // -1 keeps other formats out of this target's corpus.
  guard count >= 10, data[0] == 0x93, data[5] == UInt8(ascii: "Y") else { return -1 }
  let all = bytes(data, count)
  RowProbe.run(all, RowProbe.numbers)
  RowProbe.run(all, RowProbe.pair)
  return 0
}
