internal import CKernels
import Glibc

/// What kernels may use of the processor.
///
/// Trees give the same results with all of them, bit for bit; dense layers the same with AVX2 and
/// AVX-512, and without either sums that are rounded once more a term. The best that the processor
/// has is taken, unless the environment variable `SLUICE_CPU` (`scalar`, `avx2` or `avx512`), read
/// once, allows less.
enum InstructionSet: Int, Sendable, CaseIterable, Comparable {
  case scalar, avx2, avx512

  static func < (a: InstructionSet, b: InstructionSet) -> Bool { a.rawValue < b.rawValue }

  /// The best that this processor has.
  static let native = InstructionSet(rawValue: Int(sluice_cpu_level())) ?? .scalar

  /// What models loaded from now on use.
  static let current: InstructionSet = {
    guard let value = getenv("SLUICE_CPU") else { return native }
    let wanted = allCases.first { "\($0)" == String(cString: value) }
    let allowed = min(wanted ?? native, native)
    sluice_dense_limit(Int32(allowed.rawValue))
    return allowed
  }()
}
