/// Comma-separated rows.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzCSV(_ data: UnsafePointer<UInt8>, _ count: Int) -> CInt {
  RowProbe.run(data, count, RowProbe.mixed) { try CSVReader($0, $1) }
  return 0
}
