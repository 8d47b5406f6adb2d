import Control
import Core
import Serving
import Testing

@testable import Node

/// `why` tells what a worker does.
@Suite struct RouteExplanationTests {
  private let e: Name
  private var state = ControlState()

  init() throws {
    e = try Name("fd")
    let spec = TensorSpec(name: "x", elementType: .float32, shape: [nil, 1])
    let draft = VersionDraft(
      model: e, artifact: try Digest(bytes: Array(repeating: 1, count: 32)), artifactBytes: 9,
      signature: Signature(inputs: [spec], outputs: [spec]))
    for command in [
      Command.registerVersion(draft), .registerVersion(draft), .createEndpoint(e),
      .deploy(endpoint: e, version: v(1)),
      .startRamp(
        endpoint: e, version: v(2),
        plan: Plan(
          name: "p", summary: "",
          steps: [
            PlanStep(weight: 3_000, hold: .minutes(1)), PlanStep(weight: 10_000, hold: .zero),
          ],
          metrics: [])),
    ] {
      let context = DecisionContext(
        now: Timestamp(microseconds: 1), actor: .system, prepared: [v(1), v(2)])
      for event in try decide(state, command, context) { state = apply(state, event) }
    }
  }

  private func v(_ number: Int) -> VersionID { VersionID(model: e, number: number) }

  @Test func everyKeyGetsTheVersionOfItsBucketAndARangeAroundIt() throws {
    let endpoint = try #require(state.endpoint(e))
    let table = try RouteTable(
      try #require(endpoint.split), stable: v(1), salt: KeyHash.salt("fd/1"))
    var candidates = 0
    for number in 0..<2_000 {
      let key = "caller-\(number)"
      let found = RouteExplanation(endpoint, key: key, table: table) { _ in false }
      let hash = KeyHash.hash(Array(key.utf8), salt: table.salt)
      #expect(found.bucket == KeyHash.bucket(of: hash))
      let arm = table.buckets[found.bucket]
      #expect(found.version == table.arms[Int(arm)] && found.generation == endpoint.generation)
      #expect((found.rangeFirst...found.rangeLast).contains(found.bucket))
      #expect(table.buckets[found.rangeFirst...found.rangeLast].allSatisfy { $0 == arm })
      #expect(found.rangeFirst == 0 || table.buckets[found.rangeFirst - 1] != arm)
      if found.version == v(2) {
        candidates += 1
        #expect(found.rule.contains("ramp 1 gives fd@2 30%"))
        let fenced = RouteExplanation(endpoint, key: key, table: table) { $0 == v(2) }
        #expect(fenced.version == v(1) && fenced.rule.contains("closed by a rollback"))
      } else {
        #expect(found.rule.contains("fd@1 is the stable"))
      }
    }
    // 2,000 keys at 30 %: four standard deviations are 82.
    #expect(abs(candidates - 600) < 82)
  }
}
