/// A latency histogram packed into a few hundred bytes: pairs of (gap to the next used bucket,
/// count) as variable-length integers.
///
/// When the pairs do not fit, neighbouring buckets are joined two by two until they do. `level`
/// says how often. A second of one version usually fits at level 0, which is exact.
enum CompactHistogram {
  /// Buckets are joined at most so often: one bucket a power of two, which always fits.
  static let levelMax = 6
  /// Bytes that hold any histogram at ``levelMax``: its buckets times two integers of at most
  /// 2 and 10 bytes.
  static let bytesMin = ((LatencyHistogram.bucketCount >> levelMax) + 1) * 12

  /// The largest error of a latency that is read back: a half joined bucket and a half bucket, or
  /// below 128 ns, where buckets are 1 ns wide, the joined bucket's width.
  static func errorMax(_ nanoseconds: Double, level: Int) -> Double {
    max(nanoseconds * relativeError(level: level), level == 0 ? 0 : Double(1 << level))
  }

  /// The relative part of the largest error: 1/128 at level 0.
  static func relativeError(level: Int) -> Double {
    Double((level == 0 ? 0 : 1 << level) + 1) / 128
  }

  /// Writes `counts` to `target`.
  /// - Precondition: `target` holds at least ``bytesMin`` bytes.
  /// - Returns: the bytes used and the level it took.
  static func encode(
    _ counts: [UInt64], into target: UnsafeMutableBufferPointer<UInt8>, fromLevel: Int = 0
  ) -> (bytes: Int, level: Int) {
    precondition(target.count >= bytesMin, "a compact histogram needs \(bytesMin) bytes")
    for level in fromLevel..<levelMax {
      if let bytes = encode(counts, into: target, level: level) { return (bytes, level) }
    }
    return (encode(counts, into: target, level: levelMax) ?? 0, levelMax)
  }

  private static func encode(
    _ counts: [UInt64], into target: UnsafeMutableBufferPointer<UInt8>, level: Int
  ) -> Int? {
    var used = 0
    var previous = 0
    var group = 0
    let groupSize = 1 << level
    while group << level < counts.count {
      let start = group << level
      var sum: UInt64 = 0
      for i in start..<min(start + groupSize, counts.count) { sum &+= counts[i] }
      if sum > 0 {
        guard let afterGap = put(UInt64(group - previous), at: used, in: target),
          let afterCount = put(sum, at: afterGap, in: target)
        else { return nil }
        used = afterCount
        previous = group
      }
      group += 1
    }
    return used
  }

  /// Adds what ``encode(_:into:fromLevel:)`` wrote to `histogram`; a joined bucket is counted in
  /// the middle one of its parts.
  static func decode(
    _ source: UnsafeBufferPointer<UInt8>, level: Int, into histogram: inout LatencyHistogram
  ) {
    var at = 0
    var group = 0
    while at < source.count {
      group += Int(take(source, &at))
      let count = take(source, &at)
      let bucket = group << level + (1 << level) >> 1
      histogram.add(count, toBucket: min(bucket, LatencyHistogram.bucketCount - 1))
    }
  }

  /// LEB128: seven bits a byte, the top bit says that more follow.
  private static func put(
    _ value: UInt64, at start: Int, in target: UnsafeMutableBufferPointer<UInt8>
  ) -> Int? {
    var at = start
    var rest = value
    repeat {
      guard at < target.count else { return nil }
      target[at] = UInt8(truncatingIfNeeded: rest & 0x7F) | (rest > 0x7F ? 0x80 : 0)
      at += 1
      rest >>= 7
    } while rest > 0
    return at
  }

  private static func take(_ source: UnsafeBufferPointer<UInt8>, _ at: inout Int) -> UInt64 {
    var value: UInt64 = 0
    var shift: UInt64 = 0
    while at < source.count, shift < 64 {
      let byte = source[at]
      at += 1
      value |= UInt64(byte & 0x7F) << shift
      if byte < 0x80 { break }
      shift += 7
    }
    return value
  }
}
