import Core
import Glibc

/// The two clocks: what people read, and what decides.
public enum SystemClock {
  /// Wall clock time in UTC.
  public static func now() -> Timestamp {
    Timestamp(microseconds: Int64(read(CLOCK_REALTIME) / 1_000))
  }

  /// Nanoseconds on the monotonic clock; never goes backwards, means nothing by itself.
  public static func monotonicNanoseconds() -> UInt64 { read(CLOCK_MONOTONIC) }

  /// Nanoseconds of processor time that this process has used.
  public static func processNanoseconds() -> UInt64 { read(CLOCK_PROCESS_CPUTIME_ID) }

  private static func read(_ clock: clockid_t) -> UInt64 {
    var time = timespec()
    clock_gettime(clock, &time)
    return UInt64(time.tv_sec) &* 1_000_000_000 &+ UInt64(time.tv_nsec)
  }
}

/// Who this process runs as.
enum ProcessOwner {
  /// The login name of the user the process runs as, or the number when it has none.
  static func loginName(of user: uid_t = geteuid()) -> String {
    guard let entry = getpwuid(user), let name = entry.pointee.pw_name else { return "uid \(user)" }
    return String(cString: name)
  }
}

extension ActorID {
  /// The person who runs this process.
  public static func currentPerson() -> ActorID {
    ActorID(kind: .person, name: ProcessOwner.loginName())
  }
}
