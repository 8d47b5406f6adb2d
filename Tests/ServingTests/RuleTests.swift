import CAllocations
import Core
import Synchronization
import Telemetry
import Testing

@testable import Serving

@Suite("Rules ahead of the table")
struct RuleTests {
  private func rule(
    _ conditions: [RequestCondition], _ weights: [Int: Int], isDrawn: Bool = false
  ) throws -> RoutedRule {
    RoutedRule(
      name: "r", rule: RequestRule(conditions),
      table: try RouteTable(
        try Fixture.split(weights), stable: try Fixture.version(1), salt: 99), isDrawn: isDrawn)
  }

  private func serving(
    _ rules: [RoutedRule], standby: [Int] = [2, 3], isTableDrawn: Bool = true
  ) throws -> EndpointRuntime {
    try Fixture.serving(
      Split(all: try Fixture.version(1)), standby: standby,
      extras: .init(rules: rules, isTableDrawn: isTableDrawn)
    ).0
  }

  private func records(_ endpoint: EndpointRuntime) -> [TapRecord] {
    var all: [TapRecord] = []
    endpoint.drainTaps { record, _ in all.append(record) }
    return all
  }

  @Test("the first rule that is about a request routes it, and its draws are no evidence")
  func firstWins() throws {
    let endpoint = try serving([
      try rule([.key(anyOf: ["alice", "bob"])], [3: 10_000]),
      try rule([.input("carrier", anyOf: ["AA", "B6"])], [2: 10_000], isDrawn: true),
    ])
    let worker = endpoint.makeWorker(seed: 1)
    #expect(worker.send("alice", carrier: "AA").prediction.score == 3)
    #expect(worker.send("carol", carrier: "AA").prediction.score == 2)
    #expect(worker.send(nil, carrier: "B6").prediction.score == 2)
    #expect(worker.send("carol", carrier: "UA").prediction.score == 1)
    #expect(worker.send("alicE", carrier: "").prediction.score == 1)
    let seen = records(endpoint)
    #expect(seen.map(\.rule) == [0, 1, 1, TapRecord.noRule, TapRecord.noRule])
    #expect(seen.map { $0.flags.contains(.drawn) } == [false, true, true, true, true])
    // Weights are those of the table that routed.
    #expect(seen.map(\.weight) == [10_000, 10_000, 10_000, 10_000, 10_000])
    #expect(seen.map(\.stableWeight) == [0, 0, 0, 10_000, 10_000])
  }

  @Test("while a segment's draws are judged the table's are not")
  func segmentOnly() throws {
    let endpoint = try serving(
      [try rule([.input("carrier", anyOf: ["AA"])], [1: 5_000, 2: 5_000], isDrawn: true)],
      isTableDrawn: false)
    let worker = endpoint.makeWorker(seed: 3)
    var candidates = 0
    for i in 0..<400 {
      candidates += worker.send("k\(i)", carrier: "AA").prediction.score == 2 ? 1 : 0
    }
    // 400 draws at one half: standard deviation 10.
    #expect(abs(candidates - 200) < 50)
    #expect(worker.send("k", carrier: "UA").prediction.score == 1)
    let seen = records(endpoint)
    #expect(seen.dropLast().allSatisfy { $0.flags.contains(.drawn) && $0.weight == 5_000 })
    #expect(seen.last?.flags.contains(.drawn) == false)
  }

  @Test("a rule's buckets are those that its own table says")
  func bucketsOfTheRule() throws {
    let own = try rule([.input("carrier", anyOf: ["AA"])], [1: 3_000, 2: 3_000, 3: 4_000])
    let endpoint = try serving([own])
    let worker = endpoint.makeWorker(seed: 1)
    for i in 0..<300 {
      let expected = own.table.route(key: Array("key\(i)".utf8))
      let answer = worker.send("key\(i)", carrier: "AA")
      #expect(worker.version(of: answer) == expected.version)
      #expect(Int(answer.bucket) == expected.bucket)
    }
  }

  @Test("numbers are compared as numbers of the column's precision")
  func numbers() throws {
    let schema = try RowSchema(
      Signature(
        inputs: [
          TensorSpec(name: "a", elementType: .float32, shape: [nil, 1]),
          TensorSpec(name: "b", elementType: .float64, shape: [nil, 1]),
          TensorSpec(name: "c", elementType: .int64, shape: [nil, 2]),
          TensorSpec(name: "d", elementType: .int32, shape: [nil, 1]),
          TensorSpec(name: "e", elementType: .bool, shape: [nil, 1]),
        ], outputs: []))
    let row = RowBuffer(schema)
    let headers = RequestHeaders()
    func holds(_ column: String, _ values: [String]) throws -> Bool {
      let rules = CompiledRules(
        [try rule([.input(column, anyOf: values)], [1: 10_000])], shadow: nil,
        arms: [try Fixture.version(1)], schema: schema)
      return rules.match(
        RuleSubject(
          row: UnsafeRawPointer(row.base), headers: headers, key: nil, keyCount: 0)) == 0
    }
    // Missing numbers equal nothing, and zeros of both signs are one number.
    #expect(try !holds("a", ["0", "nan", "NaN"]))
    row.setNumber(0, Float(0.1))
    row.setNumber(1, 0.1)
    row.setInteger(2, element: 0, .max)
    row.setInteger(2, element: 1, -3)
    row.setNumber(3, 41.0)
    row.setNumber(4, 1.0)
    #expect(try holds("a", ["7", "0.1"]))
    #expect(try holds("b", ["1e-1"]))
    #expect(try !holds("b", ["0.10000000149011612"]))
    #expect(try holds("c[0]", ["9223372036854775807"]))
    #expect(try !holds("c[0]", ["9223372036854775806"]))
    #expect(try holds("c[1]", ["-3.0"]))
    for (column, values) in [("c[1]", ["-3.5"]), ("c", ["-3"]), ("e", ["false"])] {
      #expect(try !holds(column, values))
    }
    #expect(try holds("d", ["41"]))
    #expect(try holds("e", ["true"]))
    row.setNumber(1, -0.0)
    #expect(try holds("b", ["0"]))
    // What cannot match says so, and matches nothing.
    #expect(
      RoutedRule.fault(of: RequestRule([.input("x", anyOf: ["1"])]), on: schema)?
        .contains("no column \"x\"") ?? false)
    #expect(
      RoutedRule.fault(of: RequestRule([.input("d", anyOf: ["1", "UA"])]), on: schema)?
        .contains("\"UA\" is no int32") ?? false)
    #expect(
      RoutedRule.fault(
        of: RequestRule([.input("d", anyOf: ["1"]), .key(anyOf: ["k"])]), on: schema) == nil)
    #expect(try !holds("x", ["1"]))
    #expect(try !holds("d", ["UA"]))
  }

  @Test("headers match without regard to the case of their names, and do not stay")
  func headers() throws {
    let endpoint = try serving([
      try rule(
        [.header("X-Beta", anyOf: ["1", "a text that is longer than fifteen"])], [2: 10_000])
    ])
    let worker = endpoint.makeWorker(seed: 1)
    func send(_ name: String, _ value: String) -> Float {
      withText(name) { name in
        withText(value) { value in
          worker.headers.add(name: name, value: value)
          return worker.send("k").prediction.score
        }
      }
    }
    #expect(send("x-bEtA", "1") == 2)
    #expect(worker.headers.count == 0)
    #expect(worker.send("k").prediction.score == 1)
    #expect(send("X-Beta", "a text that is longer than fifteen") == 2)
    // The same first bytes and length, another text.
    #expect(send("X-Beta", "a text that is longer than fifteeN") == 1)
    #expect(send("X-Bet", "1") == 1 && send("X-Betas", "1") == 1 && send("", "1") == 1)
    for _ in 0..<RequestHeaders.countMax {
      let none = TextValue(bytes: nil, count: 0)
      #expect(worker.headers.add(name: none, value: none))
    }
    #expect(send("X-Beta", "1") == 1, "one too many is left out")
  }

  @Test("all conditions of a rule must hold, and a rule without any is about nothing")
  func conjunction() throws {
    let endpoint = try serving([
      try rule([], [3: 10_000]),
      try rule([.input("carrier", anyOf: ["AA"]), .key(anyOf: ["k1"])], [2: 10_000]),
    ])
    let worker = endpoint.makeWorker(seed: 1)
    #expect(worker.send("k1", carrier: "AA").prediction.score == 2)
    #expect(worker.send("k2", carrier: "AA").prediction.score == 1)
    #expect(worker.send("k1", carrier: "UA").prediction.score == 1)
    #expect(worker.send(nil, carrier: "AA").prediction.score == 1)
  }

  @Test("fences and fallback act on rules as on the table")
  func fencesAndFallback() throws {
    let bad = FakeSource(score: 2)
    let endpoint = try Fixture.serving(
      Split(all: try Fixture.version(1)), sources: [2: bad], standby: [2],
      extras: .init(rules: [
        try rule([.input("carrier", anyOf: ["AA"])], [2: 10_000], isDrawn: true)
      ])
    ).0
    let worker = endpoint.makeWorker(seed: 1)
    bad.isFailing.store(true, ordering: .relaxed)
    let fell = worker.send("k", carrier: "AA")
    #expect(fell.outcome == .fellBack && fell.prediction.score == 1)
    endpoint.fence(try Fixture.version(2))
    let closed = worker.send("k", carrier: "AA")
    #expect(closed.outcome == .answered && closed.prediction.score == 1)
    let seen = records(endpoint)
    #expect(seen[0].versionFailed && seen[0].flags.contains(.drawn))
    #expect(seen[1].flags.contains(.redirected) && !seen[1].flags.contains(.drawn))
    #expect(seen[1].rule == 0)
  }

  @Test("rules need loaded versions, and there is a limit")
  func refusals() throws {
    let (endpoint, loaded, table) = try Fixture.serving(Split(all: try Fixture.version(1)))
    let other = try rule([.key(anyOf: ["k"])], [2: 10_000])
    #expect {
      try endpoint.publish(table, loaded: loaded, generation: 2, extras: .init(rules: [other]))
    } throws: { "\($0)".contains("flight-delay@2 is not loaded") }
    let own = try rule([.key(anyOf: ["k"])], [1: 10_000])
    #expect {
      try endpoint.publish(
        table, loaded: loaded, generation: 2,
        extras: .init(rules: [RoutedRule](repeating: own, count: 65)))
    } throws: { ($0 as? ServingError)?.code == .tooManyRules }
    #expect(endpoint.snapshot.generation == 1)
  }

  @Test("a request that asks for a version gets that one or a clear refusal")
  func pinned() throws {
    let bad = FakeSource(score: 3, isFailing: true)
    let endpoint = try Fixture.serving(
      Split(all: try Fixture.version(1)), sources: [3: bad], standby: [2, 3]
    ).0
    let worker = endpoint.makeWorker(seed: 1)
    let two = try #require(endpoint.tag(of: try Fixture.version(2)))
    let three = try #require(endpoint.tag(of: try Fixture.version(3)))
    let answer = worker.send("k", pinned: two, isSynthetic: true)
    #expect(answer.outcome == .answered && answer.prediction.score == 2 && answer.bucket == -1)
    #expect(answer.flags == [.pinned, .synthetic])
    // Nobody else answers in its place.
    #expect(worker.send("k", pinned: three).outcome == .failed)
    #expect(worker.send("k", pinned: 400).outcome == .notLoaded)
    endpoint.fence(try Fixture.version(2))
    let closed = worker.send("k", pinned: two)
    #expect(closed.outcome == .closed && closed.retryAfterSeconds == 0)
    endpoint.setDrained(true, generation: 2)
    #expect(worker.send("k", pinned: two).outcome == .unavailable)
    #expect(records(endpoint).allSatisfy { !$0.flags.contains(.drawn) })
  }

  @Test("versions without detours take no traffic of closed ones")
  func withoutDetours() throws {
    let endpoint = try Fixture.serving(
      Split(all: try Fixture.version(1)), standby: [2, 3],
      extras: .init(withoutDetours: [try Fixture.version(2)])
    ).0
    let worker = endpoint.makeWorker(seed: 1)
    endpoint.fence(try Fixture.version(1))
    #expect(worker.send("k").prediction.score == 3)
    endpoint.fence(try Fixture.version(3))
    #expect(worker.send("k").outcome == .unavailable)
  }

  @Test(
    "a warm request allocates nothing, with rules, headers and copies",
    .enabled(if: sluice_counts_allocations() != 0))
  func allocations() throws {
    let texts = (0..<32).map { "key\($0)" }
    let rules =
      try texts.map { try rule([.key(anyOf: [$0])], [2: 10_000]) }
      + [
        try rule(
          [.header("x-beta", anyOf: ["2"]), .input("speed", anyOf: ["1", "2"])], [2: 10_000]),
        try rule([.input("carrier", anyOf: ["AA"])], [1: 5_000, 2: 5_000], isDrawn: true),
      ]
    let endpoint = try Fixture.serving(
      Split(all: try Fixture.version(1)), standby: [2],
      extras: .init(
        rules: rules,
        shadow: ShadowOrder(
          candidates: [try Fixture.version(2)], share: 5_000,
          rule: RequestRule([.input("carrier", anyOf: ["UA"])])))
    ).0
    let worker = endpoint.makeWorker(seed: 1)
    let runner = ShadowRunner(endpoint.lane, RowBuffer(endpoint.schema))
    withText("x-beta") { name in
      withText("1") { value in
        withText("a key of some length") { key in
          withText("UA") { carrier in
            worker.row.setText(0, carrier)
            func send(_ count: Int) {
              for id in 0..<count {
                worker.headers.add(name: name, value: value)
                _ = worker.predict(
                  Request(key: key.bytes, keyCount: key.count, id: UInt64(id)))
              }
            }
            send(100)
            _ = runner.run(limit: 1_000)
            let before = sluice_allocations()
            send(2_000)
            #expect(sluice_allocations() == before)
          }
        }
      }
    }
  }
}

/// Calls `body` with the text's bytes, which live during the call.
func withText<Result>(_ text: String, _ body: (TextValue) -> Result) -> Result {
  let bytes = Array(text.utf8)
  return bytes.withUnsafeBufferPointer {
    body(TextValue(bytes: $0.baseAddress, count: $0.count))
  }
}
