import Core
import Synchronization
import Telemetry

@testable import Serving

/// Names and small worlds for the data plane's tests.
enum Fixture {
  static func version(_ number: Int) throws -> VersionID {
    VersionID(model: try Name("flight-delay"), number: number)
  }

  static func schema() throws -> RowSchema {
    try RowSchema(
      Signature(
        inputs: [
          TensorSpec(name: "carrier", elementType: .text, shape: [nil, 1]),
          TensorSpec(name: "speed", elementType: .float32, shape: [nil, 1]),
        ], outputs: []))
  }

  static func endpoint() throws -> EndpointRuntime {
    // Copies are answered by the tests themselves, so that nothing depends on a thread's luck.
    EndpointRuntime(name: try Name("flights"), schema: try schema(), ownsShadowThread: false)
  }

  /// An endpoint that serves version 1 as stable and the others as the split says.
  static func serving(
    _ split: Split, stable: Int = 1, sources: [Int: FakeSource] = [:], standby: [Int] = [],
    extras: EndpointRuntime.Extras = .init()
  ) throws -> (EndpointRuntime, [LoadedVersion], RouteTable) {
    let endpoint = try Fixture.endpoint()
    let table = try RouteTable(split, stable: try version(stable), salt: 7)
    let ids = try table.arms + standby.map { try version($0) }
    let loaded = try ids.map {
      try LoadedVersion(
        $0, source: sources[$0.number] ?? FakeSource(score: Float($0.number)), warm: 2)
    }
    try endpoint.publish(table, loaded: loaded, generation: 1, extras: extras)
    return (endpoint, loaded, table)
  }

  static func split(_ weights: [Int: Int]) throws -> Split {
    try Split(try weights.map { Split.Share(version: try version($0.key), weight: $0.value) })
  }
}

/// Makes predictors that answer a fixed score, or fail when told to.
final class FakeSource: PredictorSource {
  let score: Float
  let isFailing = Atomic<Bool>(false)
  let made = Atomic<Int>(0)
  let alive = Atomic<Int>(0)
  let answered = Atomic<Int>(0)

  init(score: Float, isFailing: Bool = false) {
    self.score = score
    self.isFailing.store(isFailing, ordering: .relaxed)
  }

  func makePredictor() throws(ServingError) -> any Predictor {
    made.add(1, ordering: .relaxed)
    return FakePredictor(self)
  }
}

/// Answers its source's score plus the row's speed, and 1 when the carrier is "UA".
final class FakePredictor: Predictor {
  private let source: FakeSource
  private var speed: UnsafePointer<Float>?

  init(_ source: FakeSource) {
    self.source = source
    source.alive.add(1, ordering: .relaxed)
  }

  deinit { source.alive.subtract(1, ordering: .relaxed) }

  func attach(to row: RowBuffer) throws(ServingError) {
    guard let column = row.schema.column("speed") else {
      throw ServingError(.badSignature, "no speed")
    }
    speed = row.address(of: column).assumingMemoryBound(to: Float.self)
  }

  func predict() -> Prediction {
    source.answered.add(1, ordering: .relaxed)
    if source.isFailing.load(ordering: .relaxed) { return .failure }
    return Prediction(
      succeeded: true, score: source.score + (speed?.pointee ?? 0), label: .number(1))
  }
}

extension Worker {
  /// Sends one row under a key.
  func send(
    _ key: String?, speed: Float = 0, carrier: String = "UA", id: UInt64 = 0,
    pinned: UInt16 = TapRecord.noVersion, isSynthetic: Bool = false
  ) -> Answer {
    row.setNumber(1, speed)
    let keyBytes = Array((key ?? "").utf8)
    let carrierBytes = Array(carrier.utf8)
    return carrierBytes.withUnsafeBufferPointer { carrier in
      row.setText(0, TextValue(bytes: carrier.baseAddress, count: carrier.count))
      return keyBytes.withUnsafeBufferPointer { buffer in
        predict(
          Request(
            key: key == nil ? nil : buffer.baseAddress, keyCount: buffer.count, id: id,
            isSynthetic: isSynthetic, pinned: pinned))
      }
    }
  }
}
