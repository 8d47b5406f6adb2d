import Core
import Testing

@testable import Telemetry

@Suite struct ReferenceTests {
  /// A correct file, with one text replaced by another.
  private func file(_ old: String = "", _ new: String = "") -> [UInt8] {
    var text = """
      {"format":"sluice-reference-1","rows":10,"features":[
      {"name":"x","kind":"numeric","count":8,"missing":2,"min":0,"max":3,"mean":1,"sd":1,
       "edges":[0.5,1.5,2.5],"counts":[1,2,3,2]},
      {"name":"c","kind":"categorical","count":9,"missing":1,"categories":{"b":3,"a":3,"z":2}}],
      "outputs":[{"name":"label","kind":"categorical","count":10,"missing":0,
      "categories":{"1":10}}]}
      """
    if !old.isEmpty {
      let found = text.firstRange(of: old)
      #expect(found != nil, "the fixture has no \(old)")
      if let found { text.replaceSubrange(found, with: new) }
    }
    return Array(text.utf8)
  }

  @Test func readsACorrectFile() throws {
    let reference = try Reference(json: file())
    #expect(reference.rows == 10)
    #expect(reference.features.map(\.name) == ["x", "c", "label"])
    #expect(reference.features.map(\.isOutput) == [false, false, true])
    guard case .categorical(let c) = reference.features[1].distribution else {
      Issue.record("c is categorical")
      return
    }
    #expect(c.names == ["a", "b", "z"])
    #expect(c.counts == [3, 3, 2])
    #expect(c.other == 1)
    #expect(try Reference(json: file()).fingerprint == reference.fingerprint)
    let other = try Reference(json: file("\"max\":3", "\"max\":4"))
    #expect(other.fingerprint != reference.fingerprint)
  }

  @Test(arguments: [
    ("sluice-reference-1", "other", "format"),
    ("\"rows\":10", "\"rows\":0", "rows"),
    ("\"rows\":10", "\"rows\":11", "do not add up"),
    ("\"rows\":10", "\"rows\":99999999999999999999", "not a valid"),
    ("\"count\":8", "\"count\":-8", "do not add up"),
    ("[0.5,1.5,2.5]", "[0.5,2.5,1.5]", "ascend"),
    ("[0.5,1.5,2.5]", "[0.5,0.5,1.5]", "ascend"),
    ("[0.5,1.5,2.5]", "[0.5,1.5]", "need 3 counts"),
    ("[0.5,1.5,2.5]", "[0.5,1.5,1e300]", "32-bit"),
    ("[0.5,1.5,2.5]", "[0.5,1.5,1e999]", "not a valid"),
    ("[1,2,3,2]", "[1,2,3,3]", "add up to 9"),
    ("[1,2,3,2]", "[1,2,6,-1]", "-1 is impossible"),
    ("[1,2,3,2]", "[9223372036854775807,2,3,2]", "impossible"),
    ("\"edges\":[0.5,1.5,2.5],", "", "edges or counts"),
    ("\"z\":2", "\"z\":4", "add up to 10, more"),
    ("\"z\":2", "\"\":2", "name has 1"),
    ("\"name\":\"c\"", "\"name\":\"x\"", "there twice"),
    ("\"name\":\"c\"", "\"name\":\"\"", "name has 1"),
    ("\"kind\":\"numeric\"", "\"kind\":\"\\u001b[2J\"", "^[[2J"),
    ("\"categories\":{\"1\":10}", "\"categories\":7", "not a valid"),
  ])
  func refusesAndSaysWhy(old: String, new: String, expected: String) {
    #expect {
      try Reference(json: file(old, new))
    } throws: { error in
      guard let error = error as? TelemetryError else { return false }
      return error.code == .badReference && error.message.contains(expected)
    }
  }

  @Test func refusesWhatIsNoJSON() {
    for text in ["", "{", "[]", "\u{0}\u{1}", String(repeating: "[", count: 100_000)] {
      #expect(throws: TelemetryError.self) { try Reference(json: Array(text.utf8)) }
    }
    #expect(throws: TelemetryError.self) {
      try Reference(json: [UInt8](repeating: 0x20, count: Reference.bytesMax + 1))
    }
  }

  @Test func roundingEdgesDownKeepsEveryBin() throws {
    // Edges between two neighbouring Floats, on one, and just above one.
    let base: Float = 39.92
    let edges = [Double(base), (Double(base.nextUp) + Double(base.nextUp.nextUp)) / 2, 40]
    let reference = try Reference(
      json: file("[0.5,1.5,2.5]", "\(edges)"))
    guard case .numeric(let x) = reference.features[0].distribution else {
      Issue.record("x is numeric")
      return
    }
    for value in [base.nextDown, base, base.nextUp, base.nextUp.nextUp, 40, Float(40).nextUp] {
      #expect(x.edges.count { $0 < value } == edges.count { $0 < Double(value) })
    }
  }

  @Test func everyTruncationIsRefused() {
    let whole = file()
    for length in 0..<whole.count {
      #expect(throws: TelemetryError.self) { try Reference(json: Array(whole[..<length])) }
    }
  }
}
