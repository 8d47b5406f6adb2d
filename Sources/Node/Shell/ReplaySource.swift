import Core
import Serving

/// Replayed traffic on one endpoint, with its late labels going to the analyst.
final class ReplaySource: Sendable {
  private let options: ReplayOptions
  private let replayer: Replayer

  /// Reads the traffic file.
  /// - Throws: a ``Failure`` with the line of what is wrong.
  init(_ options: ReplayOptions, runtime: EndpointRuntime, analyst: Analyst) throws {
    self.options = options
    let order: Replayer.Order
    switch options.scenario {
    case "steady": order = .steady
    case "season": order = .season
    default:
      throw NodeError(
        .badInput,
        "there is no scenario \"\(printable(options.scenario))\": use steady or season")
    }
    guard (0.001...1_000_000).contains(options.requestsPerSecond), options.speed >= 0.001 else {
      throw NodeError(
        .badInput, "a replay sends 0.001 to 1,000,000 requests a second, at a speed above 0.001")
    }
    let bytes = try TextFile.read(options.trafficPath, limitBytes: TrafficTable.bytesMax)
    let table = try TrafficTable(
      csv: bytes, schema: runtime.schema, name: options.trafficPath)
    replayer = try Replayer(
      endpoint: runtime, table: table, labels: analyst.labels(of: options.endpoint),
      options: Replayer.Options(
        seed: options.seed, requestsPerSecond: options.requestsPerSecond,
        labelSpeed: options.speed, order: order,
        // A node that restarts must not give identifiers again that labels of before refer to.
        idBase: SplitMix64.mix(SystemClock.monotonicNanoseconds()) & ~0xFFFF_FFFF))
  }

  /// Begins to send.
  func start() throws { try replayer.start() }
  /// Ends the sending.
  func stop() { replayer.stop() }

  /// For the header: `replay 500/s, loop 2`.
  var words: String {
    let progress = replayer.progress
    let rate = decimal(replayer.requestsPerSecond, 0)
    return "replay \(rate)/s" + (options.scenario == "season" ? " season" : "")
      + ", loop \(progress.loops + 1)"
  }
}
