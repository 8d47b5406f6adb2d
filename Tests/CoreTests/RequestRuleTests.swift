import Core
import Testing

@Suite struct RequestRuleTests {
  @Test func readsWhatPeopleWrite() throws {
    let rule = try RequestRule(" carrier=AA|UA  header:X-Beta=1 key=alice ")
    #expect(
      rule.conditions == [
        .input("carrier", anyOf: ["AA", "UA"]), .header("X-Beta", anyOf: ["1"]),
        .key(anyOf: ["alice"]),
      ])
    #expect(rule.description == "carrier=AA|UA header:X-Beta=1 key=alice")
    #expect(try RequestRule("a=").conditions == [.input("a", anyOf: [""])])
    #expect(
      try RequestRule(#"a=x\|y|z\ w\\"#).conditions == [.input("a", anyOf: ["x|y", #"z w\"#])])
    #expect(try RequestRule("input:key=1").conditions == [.input("key", anyOf: ["1"])])
    #expect(try RequestRule("a=b=c").conditions == [.input("a", anyOf: ["b=c"])])
  }

  @Test func refusesWhatIsNone() {
    for text in [
      "", "carrier", "=x", "header:=1", "a=\u{1B}[2J", String(repeating: "a", count: 201) + "=1",
      "a=" + String(repeating: "b", count: 201), (0..<9).map { "a\($0)=1" }.joined(separator: " "),
      "a=" + (0..<65).map { "\($0)" }.joined(separator: "|"),
    ] {
      do throws(InvalidValue) {
        _ = try RequestRule(text)
        Issue.record("read \(printable(text, limit: 40))")
      } catch {
        #expect(!error.message.contains("\u{1B}"))
      }
    }
  }

  @Test func printingAndReadingInvertEachOther() throws {
    var random = SplitMix64(seed: 7)
    let alphabet = Array(#"ab =|\:Ωkeyheadrinput1.5"#)
    func text(_ least: Int) -> String {
      let count = least + Int(random.next() % 12)
      return String((0..<count).map { _ in alphabet[Int(random.next() % UInt64(alphabet.count))] })
    }
    let fixed = ["key", "header:x", "input:x", "header:", "input:key"]
    for round in 0..<2_000 {
      let conditions = (0..<1 + Int(random.next() % 4)).map { _ -> RequestCondition in
        let values = (0..<1 + Int(random.next() % 4)).map { _ in text(0) }
        let name = round % 5 == 0 ? fixed[Int(random.next() % 5)] : text(1)
        switch random.next() % 3 {
        case 0: return .key(anyOf: values)
        case 1: return .header(name, anyOf: values)
        default: return .input(name, anyOf: values)
        }
      }
      let rule = RequestRule(conditions)
      #expect(try RequestRule(rule.description) == rule, "\(rule)")
      let bytes = try CanonicalJSON.encode(rule)
      #expect(try CanonicalJSON.decode(RequestRule.self, from: bytes) == rule)
    }
  }
}
