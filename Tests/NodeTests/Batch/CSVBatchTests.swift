import Core
import Testing

@testable import Node

/// Batch prediction over comma-separated values.
@Suite struct CSVBatchTests {
  private let inputs: [TensorSpec] = [.number("a"), .text("t"), .number("b", .float64)]

  @Test func answersInOrderUnderTheOutputsNames() throws {
    let run = try BatchRun.over("b,x,t,a\n1,?,u,2\r\n3,?,v,4\n\n5,?,,6", inputs)
    #expect(
      run.output
        == "sum,pair_0,pair_1,echo\n3.0,2.0,4.0,u\n7.0,4.0,8.0,v\n11.0,6.0,12.0,\"\"\n")
    #expect(run.report.rows == 3 && run.report.answered == 3 && run.report.bad == 0)
    #expect(run.notes == ["ignored x"] && run.report.ignoredColumns == ["x"])
  }

  @Test func quotedFieldsMayHoldCommasQuotesAndLineBreaks() throws {
    let run = try BatchRun.over(
      "\u{FEFF}\"t\",a,b\r\n\"x,\"\"y\"\"\nz\",1,2\r\n\"\",\"3\",4\r\n", inputs, format: .jsonl)
    #expect(
      run.output
        == "{\"sum\":3.0,\"pair\":[1.0,2.0],\"echo\":\"x,\\\"y\\\"\\nz\"}\n"
        + "{\"sum\":7.0,\"pair\":[3.0,6.0],\"echo\":\"\"}\n")
  }

  @Test func emptyNumbersAreMissing() throws {
    let run = try BatchRun.over("a,t,b\n,x,1\n2,x, \nNaN,x,-inf\n", inputs)
    #expect(
      run.output.split(separator: "\n").dropFirst().map(String.init)
        == ["nan,nan,nan,x", "nan,2.0,4.0,x", "nan,nan,nan,x"])
    let json = try BatchRun.over("a,t,b\n,x,1\n", inputs, format: .jsonl)
    #expect(json.output == "{\"sum\":null,\"pair\":[null,null],\"echo\":\"x\"}\n")
  }

  @Test func wideInputsTakeNumberedColumns() throws {
    let wide: [TensorSpec] = [.number("x", width: 3), .number("y", .int64)]
    let run = try BatchRun.over("x[2],y,x[0],x[1]\n3,10,1,2\n", wide)
    #expect(run.output.hasSuffix("16.0,1.0,2.0,\"\"\n"))
    #expect(BatchRun.complaint("x[0],x[1],y\n", wide).contains("\"x[2]\" is missing"))
    #expect(BatchRun.complaint("x,y\n", wide).contains("\"x[0]\" and 2 more is missing"))
  }

  @Test func headersThatDoNotFitAreRefusedByName() {
    #expect(
      BatchRun.complaint("a,t\n1,x\n", inputs).hasSuffix(
        ":1: the column \"b\" is missing; the model takes a, t, b"))
    #expect(BatchRun.complaint("a,t,b,a\n", inputs).contains("\"a\" is there twice"))
    #expect(BatchRun.complaint("", inputs).contains("is empty"))
    #expect(BatchRun.complaint("\"a\n", inputs).contains("closing quote"))
  }

  @Test func aBadRowEndsTheRunWithItsPlace() {
    func at(_ row: String) -> String { BatchRun.complaint("a,t,b\n1,x,2\n\(row)\n", inputs) }
    #expect(
      at("abc,x,2").contains(":3: column \"a\": expected a number, got \"abc\" (--bad-rows"))
    #expect(at("1,x").contains(":3: expected 3 columns, got 2"))
    #expect(at("1,x,2,3").contains("expected 3 columns, got 4"))
    #expect(at("1,\"x\"y,2").contains("behind the closing quote"))
    #expect(at("\"1\n,x,2").contains(":3: column 1: a closing quote is missing"))
    #expect(at("0x10,x,2").contains("expected a number"))
    #expect(at("1e,x,2").contains("expected a number"))
    #expect(at("\u{1B}[2J,x,2").contains("got \"^[[2J\""))
  }

  @Test func lineNumbersCountBreaksInsideQuotes() {
    #expect(
      BatchRun.complaint("a,t,b\n1,\"x\n\ny\",2\n?,x,2\n", inputs).contains(":5: column \"a\""))
  }

  @Test func badRowsAreSkippedOrKeepTheirPlace() throws {
    let text = "a,t,b\nbad,x,0\n1,x,0\n13,x,0\n2,x\n3,x,0\nbad,x,0\n"
    let skipped = try BatchRun.over(text, inputs, onBadRow: .skip)
    #expect(
      skipped.output == "sum,pair_0,pair_1,echo\n1.0,1.0,2.0,x\n3.0,3.0,6.0,x\n")
    #expect(skipped.report.rows == 6 && skipped.report.answered == 2 && skipped.report.bad == 4)
    #expect(skipped.notes.contains { $0.hasPrefix("rows:4: the model refuses it: 13") })
    let kept = try BatchRun.over(text, inputs, onBadRow: .null)
    #expect(
      kept.output
        == "sum,pair_0,pair_1,echo\n,,,\n1.0,1.0,2.0,x\n,,,\n,,,\n3.0,3.0,6.0,x\n,,,\n")
    #expect(kept.report.rows == 6 && kept.report.answered == 2 && kept.report.bad == 4)
    let json = try BatchRun.over("a,t,b\nbad,x,0\n", inputs, format: .jsonl, onBadRow: .null)
    #expect(json.output == "{\"sum\":null,\"pair\":null,\"echo\":null}\n")
  }

  @Test func anInputWithoutRowsGivesTheNamesAlone() throws {
    let run = try BatchRun.over("a,t,b\n", inputs)
    #expect(run.output == "sum,pair_0,pair_1,echo\n" && run.report.rows == 0)
  }

  @Test func wholeNumbersAndTruthAreChecked() throws {
    let typed: [TensorSpec] = [.number("i", .int32), .number("l", .int64), .number("f", .bool)]
    let run = try BatchRun.over("i,l,f\n-3,4,true\n5.0,1e3,0\n", typed)
    #expect(
      run.output.split(separator: "\n").dropFirst().map { $0.prefix { $0 != "," } } == [
        "2.0", "1005.0",
      ])
    func at(_ row: String) -> String { BatchRun.complaint("i,l,f\n\(row)\n", typed) }
    #expect(at("2147483648,0,1").contains("whole number of 32 bits"))
    #expect(at("1,9223372036854775808,1").contains("expected a whole number"))
    #expect(at("1,1.5,1").contains("expected a whole number, got \"1.5\""))
    #expect(at("1,,1").contains("expected a whole number, got nothing"))
    #expect(at("1,1,maybe").contains("expected true or false"))
  }

  /// A writer of tables and the reader agree whatever the cells, batch sizes and line ends are.
  @Test(arguments: [1, 2, 7, 1_024]) func anyTableComesBack(rowsPerBatch: Int) throws {
    var random = SplitMix64(seed: UInt64(rowsPerBatch))
    let pieces = ["a", ",", "\"", "\n", "\r\n", "é", " ", "\t", "語", "'", "\\"]
    var text = "t,a,b\n"
    var expected: [String] = []
    for row in 0..<500 {
      let cell = (0..<Int.random(in: 1...9, using: &random)).map { _ in
        pieces[Int.random(in: 0..<pieces.count, using: &random)]
      }.joined()
      expected.append(cell)
      let quoted = ByteBuffer()
      Array(cell.utf8).withUnsafeBufferPointer { quoted.appendCSV($0) }
      text +=
        String(decoding: quoted.bytes, as: UTF8.self) + ",\(row + 100),0"
        + (row % 2 == 0 ? "\n" : "\r\n")
    }
    let run = try BatchRun.over(text, inputs, format: .jsonl, rowsPerBatch: rowsPerBatch)
    let lines = run.output.split(separator: "\n")
    #expect(lines.count == 500 && run.batchSizes.allSatisfy { $0 <= rowsPerBatch })
    struct Line: Decodable { let sum: Double; let echo: String }
    for (row, line) in lines.enumerated() {
      let read = try CanonicalJSON.decode(Line.self, from: Array(line.utf8))
      #expect(read.sum == Double(row + 100) && Array(read.echo.utf8) == Array(expected[row].utf8))
    }
  }

  /// Cut or altered tables give answers or one sentence, never a crash, and never a wrong count.
  @Test func hostileBytesNeverBreakTheReader() throws {
    let good = Array("a,t,b\n1,\"x\"\"y\",2\n3,z,4\r\n".utf8)
    var random = SplitMix64(seed: 11)
    for _ in 0..<400 {
      var bytes = good
      for _ in 0..<Int.random(in: 1...4, using: &random) {
        let at = Int.random(in: 0..<bytes.count, using: &random)
        switch Int.random(in: 0..<3, using: &random) {
        case 0: bytes[at] = UInt8.random(in: 0...255, using: &random)
        case 1: bytes.removeSubrange(at...)
        default: bytes.insert(UInt8(ascii: "\""), at: at)
        }
        if bytes.isEmpty { bytes = [0x22] }
      }
      do {
        let run = try BatchRun.over(bytes, inputs, onBadRow: .null)
        let isTable = run.output.hasPrefix("sum")
        #expect(isTable && run.report.answered + run.report.bad == run.report.rows)
      } catch let error as any Failure {
        #expect(!error.message.isEmpty && !error.message.contains("\n"))
      }
    }
  }

  @Test func aRowWithoutEndIsRefusedBeforeMemoryFills() {
    let endless = "a,t,b\n1,\"" + String(repeating: "x", count: 3 << 20)
    #expect(BatchRun.complaint(endless, inputs).contains("is longer than 1 MiB"))
  }
}
