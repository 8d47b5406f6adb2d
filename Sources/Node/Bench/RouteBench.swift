import Core
import Glibc
import Serving
import Telemetry

/// What routing costs a caller, in processor time on the caller's thread, with a model that costs
/// nothing.
public enum RouteBench {
  /// One way of routing.
  public struct Figure: Sendable, Encodable {
    /// What was timed.
    public let name: String
    /// Median over rounds, nanoseconds a request.
    public let nanosecondsPerRequest: Double
    /// The best round.
    public let bestNanosecondsPerRequest: Double

    enum CodingKeys: String, CodingKey {
      case name
      case nanosecondsPerRequest = "ns_per_request_p50"
      case bestNanosecondsPerRequest = "ns_per_request_min"
    }
  }

  /// All figures.
  public struct Report: Sendable, Encodable {
    /// One a way of routing.
    public let figures: [Figure]
  }

  private static let rounds = 41
  private static let requestsPerRound = 2_000
  private static let numbers = 18

  /// Times requests without rules, with many rules, and with copies for shadows.
  /// - Throws: ``ServingError`` when the system has no memory or threads.
  public static func run() throws -> Report {
    let pins = try (0..<32).map { try rule([.key(anyOf: ["pinned-\($0)"])], isDrawn: false) }
    let segment = try rule([.input("carrier", anyOf: ["AA", "UA", "DL"])], isDrawn: true)
    let header = try rule([.header("x-beta", anyOf: ["1"])], isDrawn: false)
    let shadow = [try version(2)]
    return Report(figures: [
      try time("table alone"),
      try time("one segment rule, which is about every request", rules: [segment]),
      try time("32 pins and a segment rule", rules: pins + [segment]),
      try time("a header rule and four headers", rules: [header], headers: 4),
      try time(
        "table, 1 % copied for a shadow", shadow: ShadowOrder(candidates: shadow, share: 100)),
      try time(
        "table, 10 % copied for a shadow", shadow: ShadowOrder(candidates: shadow, share: 1_000)),
      try time(
        "table, all copied for a shadow", shadow: ShadowOrder(candidates: shadow, share: 10_000)),
    ])
  }

  private static func time(
    _ name: String, rules: [RoutedRule] = [], shadow: ShadowOrder? = nil, headers: Int = 0
  ) throws -> Figure {
    let endpoint = EndpointRuntime(name: try Name("bench"), schema: try schema())
    let table = try RouteTable(
      try Split([
        Split.Share(version: try version(1), weight: 9_000),
        Split.Share(version: try version(3), weight: 1_000),
      ]), stable: try version(1), salt: 1)
    let loaded = try (1...3).map {
      try LoadedVersion(try version($0), source: ConstantSource(), warm: 1)
    }
    try endpoint.publish(
      table, loaded: loaded, generation: 1,
      extras: EndpointRuntime.Extras(rules: rules, shadow: shadow))
    let worker = endpoint.makeWorker(seed: 1)
    let texts = Array("AAx-beta-00x-beta-11x-beta-22x-beta-33".utf8)
    let each: [Double] = try texts.withUnsafeBufferPointer { bytes in
      guard let base = bytes.baseAddress else {
        throw ServingError(.system, "there is no memory for the bench's texts")
      }
      worker.row.setText(0, TextValue(bytes: base, count: 2))
      var nanoseconds: [Double] = []
      for _ in 0..<rounds {
        nanoseconds.append(round(worker, base, headers: headers))
        endpoint.drainTaps { _, _ in }
        endpoint.drainShadows { _ in }
      }
      return nanoseconds.sorted()
    }
    endpoint.clear(generation: 2)
    return Figure(
      name: name, nanosecondsPerRequest: each[rounds / 2], bestNanosecondsPerRequest: each[0])
  }

  private static func round(
    _ worker: Worker, _ base: UnsafePointer<UInt8>, headers: Int
  ) -> Double {
    var key: (UInt64, UInt64) = (0x6B65_7900_0000_0000, 0)
    return withUnsafeMutablePointer(to: &key) { key in
      key.withMemoryRebound(to: UInt8.self, capacity: 16) { bytes in
        let begin = threadNanoseconds()
        for request in 0..<requestsPerRound {
          for header in 0..<headers {
            worker.headers.add(
              name: TextValue(bytes: base + 2 + 9 * header, count: 8),
              value: TextValue(bytes: base + 10 + 9 * header, count: 1))
          }
          UnsafeMutableRawPointer(bytes).storeBytes(of: UInt64(request), as: UInt64.self)
          _ = worker.predict(Request(key: bytes, keyCount: 16, id: UInt64(request)))
        }
        return Double(threadNanoseconds() - begin) / Double(requestsPerRound)
      }
    }
  }

  private static func threadNanoseconds() -> UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return UInt64(time.tv_sec) &* 1_000_000_000 &+ UInt64(time.tv_nsec)
  }

  private static func version(_ number: Int) throws -> VersionID {
    VersionID(model: try Name("bench"), number: number)
  }

  private static func schema() throws -> RowSchema {
    var inputs = [TensorSpec(name: "carrier", elementType: .text, shape: [nil, 1])]
    for index in 0..<numbers {
      inputs.append(TensorSpec(name: "x\(index)", elementType: .float32, shape: [nil, 1]))
    }
    return try RowSchema(Signature(inputs: inputs, outputs: []))
  }

  private static func rule(
    _ conditions: [RequestCondition], isDrawn: Bool
  ) throws -> RoutedRule {
    RoutedRule(
      name: "bench", rule: RequestRule(conditions),
      table: try RouteTable(Split(all: try version(1)), stable: try version(1), salt: 3),
      isDrawn: isDrawn)
  }
}

/// Makes predictors that answer a constant, or fail while they are told to.
final class ConstantSource: PredictorSource {
  private let isFailing: (@Sendable () -> Bool)?

  init(isFailing: (@Sendable () -> Bool)? = nil) { self.isFailing = isFailing }

  func makePredictor() throws(ServingError) -> any Predictor { ConstantPredictor(isFailing) }
}

private final class ConstantPredictor: Predictor {
  private let isFailing: (@Sendable () -> Bool)?

  init(_ isFailing: (@Sendable () -> Bool)?) { self.isFailing = isFailing }

  func attach(to row: RowBuffer) throws(ServingError) {}

  func predict() -> Prediction {
    if let isFailing, isFailing() { return .failure }
    return Prediction(succeeded: true, score: 0.5, label: .number(1))
  }
}
