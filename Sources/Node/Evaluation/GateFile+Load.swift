import Control
import Core
import Documents

extension GateFile {
  /// What a version must stand when several threads ask at once.
  struct Load: Sendable, Equatable {
    /// Threads that call at the same time.
    let threads: Int
    /// How long it is called.
    let seconds: Double
    /// The longest of 99 in 100 calls.
    let p99: TimeSpan?
    /// How many times the stable's that may be.
    let p99Ratio: Double?
    /// By how much it may be longer in any case.
    let p99Slack: TimeSpan
    /// The fewest rows a second.
    let rowsPerSecond: Double?
    /// The part of the stable's rows a second that must be reached.
    let throughputRatio: Double?

    /// Whether the stable has to be measured beside it.
    var isRelative: Bool { p99Ratio != nil || throughputRatio != nil }
  }

  /// Memory that a version may take.
  struct Memory: Sendable, Equatable {
    /// The most that loading and running it may add.
    let growthMegabytes: Double?
    /// The part of the memory that is free that it may take.
    let availableShare: Double?
  }

  static func load(_ node: DocumentNode) throws -> Load {
    let map = try node.mapping(allowed: [
      "threads", "seconds", "p99", "p99_ratio", "p99_slack", "rows_per_second",
      "throughput_ratio",
    ])
    let load = Load(
      threads: try map.optional("threads")?.int(in: 1...64) ?? 4,
      seconds: try map.optional("seconds")?.double(in: 0.1...60) ?? 2,
      p99: try map.optional("p99")?.duration(),
      p99Ratio: try map.optional("p99_ratio")?.double(in: 0.01...1_000),
      p99Slack: try map.optional("p99_slack")?.duration() ?? .zero,
      rowsPerSecond: try map.optional("rows_per_second")?.double(in: 1...1e9),
      throughputRatio: try map.optional("throughput_ratio")?.double(in: 0.01...1_000))
    guard load.isRelative || load.p99 != nil || load.rowsPerSecond != nil else {
      throw node.error(
        "a limit is missing: p99, p99_ratio, rows_per_second or throughput_ratio")
    }
    return load
  }

  static func memory(_ node: DocumentNode) throws -> Memory {
    let map = try node.mapping(allowed: ["growth_mb", "available"])
    let memory = Memory(
      growthMegabytes: try map.optional("growth_mb")?.double(in: 0.1...1e6),
      availableShare: try map.optional("available").map { Double(try $0.percent()) / 10_000 })
    guard memory.growthMegabytes != nil || memory.availableShare != nil else {
      throw node.error("a budget is missing: growth_mb or available")
    }
    return memory
  }

  /// The checklist that is kept with a version; nil when the file has none.
  public var signedChecklist: Checklist? {
    items.isEmpty ? nil : Checklist(items: items, fourEyes: fourEyes)
  }

  /// The gates that are run when no file is given: nothing in them needs labelled rows.
  public static func standard() throws -> (gates: GateFile, digest: Digest) {
    let bytes = Array((BuiltInFiles.gateFiles["default.yaml"] ?? "").utf8)
    return (try parse(bytes, file: "default gates"), Digest(ofBytes: bytes))
  }
}
