import Testing

@testable import Inference

/// Patterns of RegexFullMatch and Tokenizer; the answers are RE2's and Python's.
struct PatternTests {
  private func matches(_ pattern: String, _ text: String) throws -> Bool {
    let program = try RegexCompiler.compile(pattern)
    let room = UnsafeMutablePointer<Int32>.allocate(capacity: program.scratchCount)
    defer { room.deallocate() }
    return Array(text.utf8).withUnsafeBufferPointer {
      program.matchesWhole(TextRef(bytes: $0.baseAddress, count: $0.count), room)
    }
  }

  @Test(
    arguments: [
      ("", "", true), ("a", "", false), ("a|bc", "bc", true), ("(a|b)*c", "ababc", true),
      ("a{2,3}", "aaaa", false), ("a{2,3}", "aaa", true), ("a{2,}", "aaaaaaa", true),
      ("a{,3}", "a{,3}", true), ("[^a-c]+", "xyz", true), ("[^a-c]+", "xbz", false),
      ("[]a]+", "]a]", true), ("[a-]+", "a-", true), ("\\d+\\.\\d*", "12.", true),
      (".", "\n", false), ("(?s).", "\n", true), ("(?i)STRASSE", "strasse", true),
      ("(?i:a)b", "AB", false), (".", "é", true), ("[à-ÿ]", "é", true), ("\\bfoo\\b", "foo", true),
      ("a\\Bb", "ab", true), ("^a$", "a", true), ("(?m)a$\n^b", "a\nb", true),
      ("\\x41\\x{e9}", "Aé", true), ("\\Qa.b\\E", "axb", false), ("[[:alpha:]]+", "abC", true),
      ("[[:^digit:]]", "7", false), ("(?P<n>x)y?", "x", true), ("(a*)*", "aaaa", true),
      ("(|a)+", "aaa", true), ("x*?y", "xxy", true),
    ])
  func wholeTexts(pattern: String, text: String, isMatch: Bool) throws {
    #expect(try matches(pattern, text) == isMatch, "\(pattern) on \(text)")
  }

  @Test(
    arguments: [
      "(", ")", "a**", "*a", "[a", "a{3,2}", "a{1001}", "\\", "(?z)", "(?=a)", "\\pL", "\\C",
      "(a)\\1", "[b-a]", "[[:nothing:]]", "\\x{110000}", "(((a{1000}){1000}){1000}){1000}",
    ])
  func whatIsNotSupportedIsRefused(pattern: String) {
    #expect(throws: KernelFault.self) { try RegexCompiler.compile(pattern) }
  }

  @Test func nestedRepetitionsTakeLinearTime() throws {
    // Backtracking would take 2^5000 steps.
    #expect(try !matches("(a*)*(a|aa)*b", String(repeating: "a", count: 5_000)))
    #expect(throws: KernelFault.self) {
      try RegexCompiler.compile(String(repeating: "(", count: 500))
    }
  }

  @Test func illFormedTextMatchesNothing() throws {
    let program = try RegexCompiler.compile("(?s).*")
    let room = UnsafeMutablePointer<Int32>.allocate(capacity: program.scratchCount)
    defer { room.deallocate() }
    for bytes: [UInt8] in [
      [0xFF], [0xC3], [0xC0, 0x80], [0xED, 0xA0, 0x80], [0xF5, 0x80, 0x80, 0x80],
    ] {
      let isMatch = bytes.withUnsafeBufferPointer {
        program.matchesWhole(TextRef(bytes: $0.baseAddress, count: $0.count), room)
      }
      #expect(!isMatch)
    }
  }
}
