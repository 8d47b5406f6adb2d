/// JSON objects, one a line.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzJSONLines(_ data: UnsafePointer<UInt8>, _ count: Int) -> CInt {
  RowProbe.run(data, count, RowProbe.mixed) { JSONLinesReader($0, $1) }
  return 0
}
