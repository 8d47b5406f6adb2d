import Core
import Testing

@testable import Control

@Suite struct RouteRuleTests {
  private func rule(_ bench: Bench, _ name: String, _ number: Int) throws -> RouteRule {
    RouteRule(
      name: try Name(name), rule: try RequestRule("carrier=AA"), split: Split(all: bench.v(number)))
  }

  private func serving() throws -> Bench {
    var bench = try Bench.serving()
    try bench.give(.deploy(endpoint: bench.endpoint, version: bench.v(3)))
    return bench
  }

  @Test func rulesGoAheadOfTheSplit() throws {
    var bench = try serving()
    let e = bench.endpoint
    let event = try bench.give(.addRule(endpoint: e, rule: rule(bench, "beta", 3), reason: "try"))
    #expect(
      event.commandLine
        == "sluice rule add flight-delay beta flight-delay@3=100% --when 'carrier=AA' --reason try")
    let kept = try #require(try bench.here.rules.first)
    #expect(kept.by == bench.actor && kept.since == event.time)
    let route = try #require(try bench.here.route)
    #expect(route.rules.map(\.name) == ["beta"] && !route.rules[0].isDrawn && !route.isDrawn)
    // What a rule names stays.
    let unload = Command.unload(endpoint: e, version: bench.v(3))
    #expect(bench.refusal(unload).message.contains("rule \"beta\""))
    let again = Command.addRule(endpoint: e, rule: try rule(bench, "beta", 1), reason: nil)
    #expect(bench.refusal(again).message.contains("already"))
    try bench.give(.removeRule(endpoint: e, name: Name("beta"), reason: nil))
    #expect(try bench.here.rules.isEmpty)
    let gone = Command.removeRule(endpoint: e, name: try Name("beta"), reason: nil)
    #expect(bench.refusal(gone).code == .unknown)
    try bench.give(unload)
  }

  @Test func onlyWhatMayHaveTraffic() throws {
    var bench = try serving()
    let e = bench.endpoint
    for number in [2, 9] {
      let add = Command.addRule(endpoint: e, rule: try rule(bench, "x", number), reason: nil)
      #expect([ControlError.Code.refused, .unknown].contains(bench.refusal(add).code))
    }
    bench.prepared.remove(bench.v(3))
    let cold = Command.addRule(endpoint: e, rule: try rule(bench, "x", 3), reason: nil)
    #expect(bench.refusal(cold).message.contains("not loaded"))
    let empty = RouteRule(name: try Name("x"), rule: RequestRule([]), split: Split(all: bench.v(1)))
    #expect(bench.refusal(.addRule(endpoint: e, rule: empty, reason: nil)).code == .badInput)
    bench.prepared.insert(bench.v(3))
    // A rule for another version than the stable is a forward move.
    try bench.give(.addFreeze(endpoint: nil, window: .untilReleased, reason: nil))
    #expect(bench.refusal(cold).message.contains("frozen"))
    try bench.give(.addRule(endpoint: e, rule: rule(bench, "safe", 1), reason: nil))
    try bench.give(.removeRule(endpoint: e, name: Name("safe"), reason: nil))
    try bench.give(.removeFreeze(id: nil, reason: nil))
    for index in 0..<ControlLimits.rulesMax {
      try bench.give(.addRule(endpoint: e, rule: rule(bench, "r\(index)", 3), reason: nil))
    }
    #expect(bench.refusal(cold).message.contains("most allowed"))
  }

  @Test func aRollbackTakesTheRulesOfWhatItCloses() throws {
    var bench = try Bench.ramping()
    let e = bench.endpoint
    try bench.give(.addRule(endpoint: e, rule: rule(bench, "beta", 2), reason: nil))
    try bench.give(.addRule(endpoint: e, rule: rule(bench, "old", 1), reason: nil))
    let event = try bench.give(.abort(endpoint: e, reason: nil))
    guard case .aborted(let rollback) = event.body else { return }
    #expect(rollback.rules == [try Name("beta")])
    #expect(try bench.here.rules.map(\.name.text) == ["old"])
  }

  @Test func pins() throws {
    var bench = try serving()
    for key in ["alice", "", "Ω ' \"x\" $(id)", String(repeating: "k", count: 200)] {
      let pin = RouteRule.pin(key, to: bench.v(3))
      #expect(pin.pinnedKey == key && pin.name == RouteRule.pinName(key))
      let event = try bench.give(.addRule(endpoint: bench.endpoint, rule: pin, reason: nil))
      #expect(event.commandLine?.hasPrefix("sluice pin flight-delay flight-delay@3 --key ") == true)
    }
    #expect(RouteRule.pinName("alice").text.hasPrefix("pin-alice-"))
    #expect(RouteRule.pinName("Alice") != RouteRule.pinName("alice"))
    let long = RouteRule.pin(String(repeating: "k", count: 201), to: bench.v(3))
    let add = Command.addRule(endpoint: bench.endpoint, rule: long, reason: nil)
    #expect(bench.refusal(add).code == .badInput)
  }
}
