import Core
import Testing

@testable import Node

/// The rules of docs/reference/inputs.md for files of rows, line by line.
@Suite struct InputRulesBatchTests {
  /// A row of one value, and what becomes of it: the number that the model sees, or the complaint.
  struct Rule: CustomTestStringConvertible, Sendable {
    let type: ElementType
    let written: String
    let becomes: Outcome
    enum Outcome: Sendable {
      case number(String)
      case text(String)
      case complaint(String)
    }
    var testDescription: String { "\(type.rawValue) \(written)" }

    init(_ type: ElementType, _ written: String, _ becomes: Outcome) {
      (self.type, self.written, self.becomes) = (type, written, becomes)
    }
  }

  private func check(_ rule: Rule, _ rows: String) {
    let model: [TensorSpec] =
      rule.type == .text ? [.text("v")] : [.number("v", rule.type), .text("e")]
    do {
      let run = try BatchRun.over(rows, model)
      let line =
        run.output.split(separator: "\n", omittingEmptySubsequences: false)
        .dropFirst().first.map(String.init) ?? ""
      let fields = line.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
      switch rule.becomes {
      case .number(let expected): #expect(fields.first == expected, "\(line)")
      case .text(let expected): #expect(fields.last == "\"\(expected)\"" || fields.last == expected)
      case .complaint(let words): Issue.record("accepted as \(line) where \(words) is expected")
      }
    } catch {
      let message = (error as? any Failure)?.message ?? "\(error)"
      guard case .complaint(let words) = rule.becomes else {
        Issue.record("\(message)")
        return
      }
      #expect(message.contains(words), "\(message)")
      #expect(!message.contains("\n"))
    }
  }

  static let csv: [Rule] = [
    Rule(.float32, "", .number("nan")), Rule(.float32, "nan", .number("nan")),
    Rule(.float32, "NaN", .number("nan")), Rule(.float32, "inf", .number("inf")),
    Rule(.float32, "-Infinity", .number("-inf")), Rule(.float32, "1e400", .number("inf")),
    Rule(.float32, "-1e39", .number("-inf")), Rule(.float64, "1e39", .number("1e+39")),
    Rule(.float32, "1e-60", .number("0.0")), Rule(.float32, " 2 ", .number("2.0")),
    Rule(.float32, "1,5", .complaint("expected 2 columns, got 3")),
    Rule(.float32, "abc", .complaint("expected a number, got \"abc\"")),
    Rule(.float32, "true", .complaint("expected a number, got \"true\"")),
    Rule(.int64, "3.0", .number("3.0")), Rule(.int64, "1e3", .number("1000.0")),
    Rule(.int64, "1.5", .complaint("expected a whole number")),
    Rule(.int64, "", .complaint("expected a whole number, got nothing")),
    Rule(.int64, "nan", .complaint("expected a whole number")),
    Rule(.int64, "9223372036854775808", .complaint("expected a whole number")),
    Rule(.int32, "2147483648", .complaint("expected a whole number of 32 bits")),
    Rule(.bool, "TRUE", .number("1.0")), Rule(.bool, "0", .number("0.0")),
    Rule(.bool, "2", .complaint("expected true or false")),
    Rule(.bool, "", .complaint("expected true or false, got nothing")),
    Rule(.text, "12", .text("12")), Rule(.text, "", .text("")),
  ]

  @Test(arguments: csv)
  func cellsOfTables(rule: Rule) {
    check(rule, rule.type == .text ? "v\n\"\(rule.written)\"\n" : "v,e\n\(rule.written),x\n")
  }

  static let json: [Rule] = [
    Rule(.float32, "null", .number("nan")), Rule(.float32, "1e400", .number("inf")),
    Rule(.float32, "NaN", .complaint("expected a number, got \"NaN\"")),
    Rule(.float32, "Infinity", .complaint("expected a number, got \"Infinity\"")),
    Rule(.float32, "\"1\"", .complaint("got the text \"1\"")),
    Rule(.float32, "true", .complaint("expected a number, got \"true\"")),
    Rule(.float32, "[1]", .complaint("expected a number")),
    Rule(.int64, "3.0", .number("3.0")),
    Rule(.int64, "1.5", .complaint("expected a whole number")),
    Rule(.int64, "null", .complaint("expected a whole number, got nothing")),
    Rule(.int32, "-2147483649", .complaint("expected a whole number of 32 bits")),
    Rule(.bool, "true", .number("1.0")), Rule(.bool, "0", .number("0.0")),
    Rule(.bool, "2", .complaint("expected true or false")),
    Rule(.text, "12", .complaint("expected a text in quotes")),
    Rule(.text, "null", .text("")), Rule(.text, "\"\\u00e9\"", .text("é")),
  ]

  @Test(arguments: json)
  func valuesOfObjects(rule: Rule) {
    check(rule, "{\"v\":\(rule.written)\(rule.type == .text ? "" : ",\"e\":\"x\"")}\n")
  }

  // MARK: Names and shapes

  private let pair: [TensorSpec] = [.number("a"), .number("b")]

  @Test func namesOfTables() throws {
    #expect(BatchRun.complaint("a\n1\n", pair).contains("the column \"b\" is missing"))
    #expect(BatchRun.complaint("a,B\n1,2\n", pair).contains("(is \"B\" meant?)"))
    #expect(BatchRun.complaint("a,b,a\n1,2,3\n", pair).contains("\"a\" is there twice"))
    #expect(BatchRun.complaint("a,b\n1\n", pair).contains("expected 2 columns, got 1"))
    let run = try BatchRun.over("b,more,a\n2,x,1\n", pair)
    #expect(run.output.split(separator: "\n").last?.hasPrefix("3.0,1.0,") == true)
    #expect(run.notes == ["ignored more"])
  }

  @Test func keysOfObjects() throws {
    #expect(BatchRun.complaint("{\"a\":1}\n", pair).contains("the key \"b\" is missing"))
    #expect(BatchRun.complaint("{\"a\":1,\"b\":2,\"a\":3}\n", pair).contains("given twice"))
    let wide: [TensorSpec] = [.number("w", width: 2)]
    #expect(BatchRun.complaint("{\"w\":[1]}\n", wide).contains("expected 2 values, got 1"))
    #expect(BatchRun.complaint("{\"w\":1}\n", wide).contains("expected an array of 2 values"))
    #expect(try BatchRun.over("{\"more\":1,\"b\":2,\"a\":1}\n", pair).notes == ["ignored more"])
  }

  /// A plain array of two columns and one row.
  private func array(
    _ description: String, _ elements: [UInt8], shape: String = "(1, 2)"
  ) -> [UInt8] {
    let header = "{'descr': '\(description)', 'fortran_order': False, 'shape': \(shape), }\n"
    return [0x93] + Array("NUMPY".utf8) + [1, 0, UInt8(header.utf8.count), 0] + Array(header.utf8)
      + elements
  }

  private func bytes<T>(_ values: [T]) -> [UInt8] { values.withUnsafeBytes { Array($0) } }

  @Test func arrays() throws {
    func first(_ file: [UInt8], _ type: ElementType) throws -> String {
      let run = try BatchRun.over(file, [.number("x", type, width: 2)])
      return run.output.split(separator: "\n").dropFirst().first.map(String.init) ?? ""
    }
    let odd = array("<f8", bytes([.nan, 1e300] as [Double]))
    // NaN stays, and what 32 bits cannot hold is infinite.
    #expect(try first(odd, .float32).hasPrefix("nan,nan,"))
    #expect(try first(array("<f8", bytes([1e300, 1] as [Double])), .float32).hasPrefix("inf,inf,"))
    #expect(try first(array("<f8", bytes([3, 4] as [Double])), .int64).hasPrefix("7.0,3.0,"))
    #expect(try first(array("|b1", [2, 0]), .float32).hasPrefix("1.0,1.0,"))
    func complaint(_ file: [UInt8], _ type: ElementType) -> String {
      BatchRun.complaint(file, [.number("x", type, width: 2)])
    }
    #expect(complaint(odd, .int64).contains("expected a whole number"))
    #expect(complaint(array("<f8", bytes([0.5, 1] as [Double])), .int64).contains("whole number"))
    #expect(
      complaint(array("<i8", bytes([1 << 31, 1] as [Int64])), .int32).contains("32 bits"))
    #expect(complaint(array("|u1", [2, 0]), .bool).contains("expected 0 or 1, got 2"))
    #expect(
      complaint(array("|u1", [2, 0, 1], shape: "(1, 3)"), .float32).contains(
        "expected 2 values a row, got 3"))
    #expect(complaint(array("|O", [0, 0]), .float32).contains("expected little-endian"))
  }
}
