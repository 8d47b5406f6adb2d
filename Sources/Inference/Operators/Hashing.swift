import Core

/// A hash of each element: MurmurHash3 of 32 bits (Austin Appleby, public domain), as
/// scikit-learn's FeatureHasher computes it; com.microsoft.
///
/// Texts by their bytes, numbers by the bytes they have in memory.
struct MurmurHashKernel: Kernel {
  private let seed: UInt32
  /// Whether hashes are uint32, otherwise int32 of the same bits.
  private let isUnsigned: Bool

  init(_ call: OperatorCall) throws(KernelFault) {
    seed = UInt32(truncatingIfNeeded: try call.int("seed", default: 0))
    isUnsigned = try call.int("positive", default: 1) != 0
  }

  func run(_ io: NodeIO) throws(KernelFault) {
    let view = try io.input(0)
    let out = try io.output(0, isUnsigned ? .uint32 : .int32, view.shape, as: UInt32.self)
    switch view.type {
    case .text:
      let texts = view.pointer(TextRef.self)
      for i in 0..<view.count { out[i] = hash(UnsafeRawPointer(texts[i].bytes), texts[i].count) }
    case .float32, .float64, .int32, .int64, .uint32, .uint64:
      let size = view.type.strideBytes
      for i in 0..<view.count { out[i] = hash(UnsafeRawPointer(view.data + i * size), size) }
    default: throw unsupportedElement(view.type)
    }
  }

  private func hash(_ bytes: UnsafeRawPointer?, _ count: Int) -> UInt32 {
    var state = seed
    var at = 0
    if let bytes {
      while at + 4 <= count {
        state ^= mixed(bytes.loadUnaligned(fromByteOffset: at, as: UInt32.self))
        state = rotated(state, 13) &* 5 &+ 0xE654_6B64
        at += 4
      }
      var rest: UInt32 = 0
      for i in stride(from: count - 1, through: at, by: -1) {
        rest = rest << 8 | UInt32(bytes.load(fromByteOffset: i, as: UInt8.self))
      }
      if at < count { state ^= mixed(rest) }
    }
    state ^= UInt32(truncatingIfNeeded: count)
    state = (state ^ state >> 16) &* 0x85EB_CA6B
    state = (state ^ state >> 13) &* 0xC2B2_AE35
    return state ^ state >> 16
  }

  @inline(__always)
  private func mixed(_ block: UInt32) -> UInt32 {
    rotated(block &* 0xCC9E_2D51, 15) &* 0x1B87_3593
  }

  @inline(__always)
  private func rotated(_ x: UInt32, _ by: UInt32) -> UInt32 { x << by | x >> (32 - by) }
}
