import Glibc

/// The clock that latencies and schedules are measured on: never set back, unaffected by the time
/// of day.
public enum MonotonicClock {
  /// Nanoseconds since some moment before the process began.
  @inlinable
  public static func nanoseconds() -> Int64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Int64(time.tv_sec) &* 1_000_000_000 &+ Int64(time.tv_nsec)
  }

  /// Sleeps until a moment of this clock; returns earlier when a signal comes.
  static func sleep(until nanoseconds: Int64) {
    var time = timespec(
      tv_sec: Int(nanoseconds / 1_000_000_000), tv_nsec: Int(nanoseconds % 1_000_000_000))
    _ = clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, nil)
  }
}
