import Core
import Glibc

/// A moment on the monotonic clock by which something must be done.
struct Deadline {
  private let nanoseconds: Int64

  /// `span` from now.
  init(after span: TimeSpan) {
    let (sum, overflow) = Deadline.now().addingReportingOverflow(
      span.microseconds.multipliedReportingOverflow(by: 1_000).partialValue)
    nanoseconds = overflow ? .max : sum
  }

  /// The milliseconds left, rounded up, 0 when it has passed; as `poll` wants them.
  var remainingMilliseconds: Int32 {
    let left = nanoseconds - Deadline.now()
    return left <= 0 ? 0 : Int32(clamping: (left - 1) / 1_000_000 + 1)
  }

  /// Whether it has passed.
  var hasPassed: Bool { remainingMilliseconds == 0 }

  private static func now() -> Int64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
  }
}
