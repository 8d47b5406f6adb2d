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

/// The process as the header shows it.
enum ProcessFigures {
  /// Resident memory in bytes, from `/proc/self/statm`; 0 when it cannot be read.
  static func residentBytes() -> Int {
    guard let file = fopen("/proc/self/statm", "r") else { return 0 }
    defer { fclose(file) }
    var line = [CChar](repeating: 0, count: 128)
    guard fgets(&line, 128, file) != nil else { return 0 }
    let text = String(decoding: line.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    let fields = text.split(separator: " ")
    guard fields.count > 1, let pages = Int(fields[1]) else { return 0 }
    return pages * Int(getpagesize())
  }

  /// The login name of the user the process runs as, or the number when it has none.
  static func loginName(of user: uid_t = geteuid()) -> String {
    guard let entry = getpwuid(user), let name = entry.pointee.pw_name else { return "uid \(user)" }
    return String(cString: name)
  }
}

extension ActorID {
  /// The person who runs this process.
  public static func currentPerson() -> ActorID {
    ActorID(kind: .person, name: ProcessFigures.loginName())
  }
}
