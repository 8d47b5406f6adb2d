import Core
import Testing

@testable import Node

/// Batch prediction over JSON lines and numpy arrays.
@Suite struct OtherFormatsBatchTests {
  private let inputs: [TensorSpec] = [.number("a"), .text("t"), .number("w", .float64, width: 2)]

  @Test func objectsAreReadByKey() throws {
    let run = try BatchRun.over(
      """
      {"w":[1,2],"t":"\\u00e9\\n\\ud83d\\ude00","a":1.5,"more":{"x":[1,{"y":null}]}}

      {"a":null,"t":null,"w":[[1],[null]]}
      { "a" : -2e1 , "t" : "" , "w" : [ 1 , 2 ] }
      """, inputs, format: .jsonl)
    #expect(
      run.output
        == "{\"sum\":4.5,\"pair\":[1.5,3.0],\"echo\":\"é\\n😀\"}\n"
        + "{\"sum\":null,\"pair\":[null,null],\"echo\":\"\"}\n"
        + "{\"sum\":-17.0,\"pair\":[-20.0,-40.0],\"echo\":\"\"}\n")
    #expect(run.notes == ["ignored more"])
  }

  @Test(arguments: [
    ("{\"a\":1,\"t\":\"x\"}", "the key \"w[0]\" is missing"),
    ("{\"a\":1,\"t\":\"x\",\"w\":[1]}", "key \"w\": expected 2 values, got 1"),
    ("{\"a\":1,\"t\":\"x\",\"w\":[1,2,3]}", "expected 2 values, got more"),
    ("{\"a\":1,\"t\":\"x\",\"w\":7}", "expected an array of 2 values"),
    ("{\"a\":1,\"a\":2,\"t\":\"x\",\"w\":[1,2]}", "key \"a\": it is given twice"),
    ("{\"a\":\"1\",\"t\":\"x\",\"w\":[1,2]}", "expected a number, got the text \"1\""),
    ("{\"a\":1,\"t\":5,\"w\":[1,2]}", "expected a text in quotes, got \"5\""),
    ("{\"a\":01,\"t\":\"x\",\"w\":[1,2]}", "expected a number, got \"01\""),
    ("{\"a\":NaN,\"t\":\"x\",\"w\":[1,2]}", "expected a number, got \"NaN\""),
    ("{\"a\":true,\"t\":\"x\",\"w\":[1,2]}", "expected a number, got \"true\""),
    ("{\"a\":1,\"t\":\"x\",\"w\":[1,2]} x", "there is text behind the object"),
    ("{\"a\":1,\"t\":\"x,\"w\":[1,2]}", "expected"),
    ("{\"a\":1,\"t\":\"\\x\",\"w\":[1,2]}", "an escape that JSON does not know"),
    ("{\"a\":1,\"t\":\"\\ud800\",\"w\":[1,2]}", "half of a surrogate pair"),
    ("{\"a\":1,\"t\":\"\u{1}\",\"w\":[1,2]}", "control character"),
    ("{\"a\":1", "expected '}'"), ("{", "expected a key in quotes"),
  ])
  func whatIsWrongInAnObjectIsSaid(line: String, expected: String) {
    let good = "{\"a\":1,\"t\":\"x\",\"w\":[1,2]}\n"
    let message = BatchRun.complaint(good + line + "\n", inputs)
    #expect(message.contains(expected) || message.contains("expected ',' or '}'"), "\(message)")
    #expect(message.contains(":2: "), "\(message)")
  }

  @Test func ignoredValuesDoNotNestWithoutLimit() {
    let deep = String(repeating: "[", count: 100_000)
    #expect(
      BatchRun.complaint("{\"x\":\(deep)", inputs).contains("an ignored value nests too deeply"))
    #expect(BatchRun.complaint("{\"w\":\(deep)", inputs).contains("arrays nest too deeply"))
  }

  // MARK: numpy

  private func array(
    _ description: String, _ shape: String, _ elements: [UInt8], fortran: Bool = false
  ) -> [UInt8] {
    var header = "{'descr': '\(description)', 'fortran_order': \(fortran ? "True" : "False"), "
    header += "'shape': \(shape), }"
    while (10 + header.utf8.count + 1) % 64 != 0 { header += " " }
    header += "\n"
    let length = header.utf8.count
    return [0x93] + Array("NUMPY".utf8) + [1, 0, UInt8(length & 255), UInt8(length >> 8)]
      + Array(header.utf8) + elements
  }

  private func bytes<T>(_ values: [T]) -> [UInt8] { values.withUnsafeBytes { Array($0) } }

  @Test func arraysOfEveryNumberTypeAreRead() throws {
    let wide: [TensorSpec] = [.number("x", width: 2)]
    let floats = try BatchRun.over(
      array("<f4", "(3, 2)", bytes([1, 2, 3, 4, 5, 6] as [Float])), wide, rowsPerBatch: 2)
    #expect(
      floats.output.split(separator: "\n").dropFirst().map { $0.prefix { $0 != "," } }
        == ["3.0", "7.0", "11.0"])
    let stored: [(String, [UInt8])] = [
      ("<f8", bytes([7, 8] as [Double])), ("<i8", bytes([7, 8] as [Int64])),
      ("<i4", bytes([7, 8] as [Int32])), ("<u2", bytes([7, 8] as [UInt16])), ("|i1", [7, 8]),
    ]
    for (description, elements) in stored {
      let run = try BatchRun.over(array(description, "(1, 2)", elements), wide)
      #expect(run.output.hasSuffix("15.0,7.0,14.0,\"\"\n"), "\(description)")
    }
    let one = try BatchRun.over(
      array("<i8", "(2,)", bytes([7, 8] as [Int64])), [.number("x", .int64)])
    #expect(one.report.rows == 2)
  }

  @Test func arraysThatDoNotFitAreRefused() {
    func complaint(_ bytes: [UInt8], _ inputs: [TensorSpec]) -> String {
      BatchRun.complaint(bytes, inputs)
    }
    let wide: [TensorSpec] = [.number("x", width: 2)]
    #expect(
      complaint(array("<f4", "(1, 3)", [0, 0, 0, 0]), wide).contains(
        "expected 2 values a row, got 3"))
    #expect(
      complaint(array("<f4", "(2, 2)", [0, 0, 0, 0]), wide).contains("is cut short: row 1 of 2"))
    #expect(complaint(array(">f4", "(1, 2)", []), wide).contains("expected little-endian"))
    #expect(complaint(array("|O", "(1, 2)", []), wide).contains("expected little-endian"))
    #expect(complaint(array("<f4", "(1, 2, 3)", []), wide).contains("one or two dimensions"))
    #expect(complaint(array("<f4", "(-1, 2)", []), wide).contains("header is damaged"))
    #expect(complaint(array("<f4", "(1, 4)", []), inputs).contains("the array holds numbers"))
    #expect(complaint(Array(array("<f4", "(1, 2)", []).prefix(20)), wide).contains("cut short"))
  }

  @Test func columnsFirstArraysAreReadRowByRow() throws {
    let values: [Float] = (0..<20_000).map { Float(100 + $0) }
    let run = try BatchRun.over(
      array("<f4", "(10000, 2)", bytes(values), fortran: true), [.number("x", width: 2)],
      rowsPerBatch: 512)
    let lines = run.output.split(separator: "\n").dropFirst()
    #expect(lines.count == 10_000)
    for (row, line) in lines.enumerated() {
      #expect(line.hasPrefix("\(Double(2 * row + 10_200)),\(Float(row + 100)),"))
    }
    #expect(
      BatchRun.complaint(
        array("<f4", "(3, 2)", [0, 0, 0, 0], fortran: true), [.number("x", width: 2)]
      ).contains("is cut short"))
  }

  @Test func recordsAreFoundByTheirFields() throws {
    let description = "[('t', '<U3'), ('skip', '|u1'), ('w', '<f8', (2,)), ('a', '<i2')]"
    var elements: [UInt8] = []
    for (text, number) in [("é", 7), ("abc", -2)] {
      let scalars = text.unicodeScalars.map(\.value)
      elements += bytes(scalars + [UInt32](repeating: 0, count: 3 - scalars.count))
      elements += [9] + bytes([0.5, 1.5] as [Double]) + bytes([Int16(number)])
    }
    let plain = array("X", "(2,)", elements)
    let header = String(decoding: plain[10..<(plain.count - elements.count)], as: UTF8.self)
    let text = header.split(separator: "'X'", maxSplits: 1).joined(separator: description)
    let all =
      Array(plain[..<8]) + [UInt8(text.utf8.count & 255), UInt8(text.utf8.count >> 8)]
      + Array(text.utf8) + elements
    let run = try BatchRun.over(all, inputs, format: .jsonl)
    #expect(
      run.output
        == "{\"sum\":9.0,\"pair\":[7.0,14.0],\"echo\":\"é\"}\n"
        + "{\"sum\":0.0,\"pair\":[-2.0,-4.0],\"echo\":\"abc\"}\n")
    #expect(
      BatchRun.complaint(all, [.number("aa")]).contains("\"aa\" is missing (is \"a\" meant?)"))
  }

  /// Altered headers give rows or one sentence, never a crash or much memory.
  @Test func hostileHeadersAreBounded() {
    let good = array("<f4", "(2, 2)", bytes([1, 2, 3, 4] as [Float]))
    var random = SplitMix64(seed: 21)
    let words = ["9999999999999", "(", "[", "'", "True", "<U99999", "-1", "{", "\\"]
    for _ in 0..<400 {
      var bytes = good
      for _ in 0..<Int.random(in: 1...3, using: &random) {
        let at = Int.random(in: 6..<bytes.count, using: &random)
        if Bool.random(using: &random) {
          bytes[at] = UInt8.random(in: 0...255, using: &random)
        } else {
          let word = words[Int.random(in: 0..<words.count, using: &random)]
          bytes.replaceSubrange(at..<min(bytes.count, at + word.utf8.count), with: word.utf8)
        }
      }
      let message = BatchRun.complaint(bytes, [.number("x", width: 2)])
      #expect(!message.contains("\n") && !message.hasPrefix("not a failure"))
    }
  }

  @Test func keysMayComeInAnyOrder() throws {
    let run = try BatchRun.over(
      """
      {"a":1,"t":"x","w":[1,2]}
      {"w":[1,2],"t":"y","a":2}
      {"w[1]":4,"a":3,"extra":0,"t":"z","w_0":1}
      {"w[1]":4,"extra":0,"a":3,"t":"\\t","w_0":1}
      """, inputs, format: .jsonl)
    #expect(
      run.output.split(separator: "\n").map { $0.suffix(5) } == [
        ":\"x\"}", ":\"y\"}", ":\"z\"}", "009\"}",
      ])
    #expect(run.notes == ["ignored extra"])
  }

  // MARK: Numbers

  /// Reading agrees with the standard library's correctly rounded reading, bit for bit.
  @Test func numbersAreReadCorrectlyRounded() {
    var random = SplitMix64(seed: 3)
    func read<T>(_ text: String, _ body: (UnsafeBufferPointer<UInt8>) -> T) -> T {
      var text = text
      return text.withUTF8 { body($0) }
    }
    for _ in 0..<30_000 {
      var text = Bool.random(using: &random) ? "-" : ""
      for _ in 0..<Int.random(in: 1...22, using: &random) {
        text += "\(Int.random(in: 0...9, using: &random))"
      }
      if Bool.random(using: &random) {
        text += "."
        for _ in 0..<Int.random(in: 0...12, using: &random) {
          text += "\(Int.random(in: 0...9, using: &random))"
        }
      }
      if Bool.random(using: &random) { text += "e\(Int.random(in: -60...60, using: &random))" }
      #expect(read(text, NumberText.float)?.bitPattern == Float(text)?.bitPattern, "\(text)")
      #expect(read(text, NumberText.double)?.bitPattern == Double(text)?.bitPattern, "\(text)")
    }
    // Shortest forms of arbitrary bits, and middles between neighbours, which round to even.
    for _ in 0..<30_000 {
      let float = Float(bitPattern: UInt32.random(in: 0..<0x7F80_0000, using: &random))
      #expect(read("\(float)", NumberText.float)?.bitPattern == float.bitPattern)
      let double = Double(bitPattern: UInt64.random(in: 1..<0x7FF0_0000_0000_0000, using: &random))
      #expect(read("\(double)", NumberText.double)?.bitPattern == double.bitPattern)
      let middle = "\((Double(float) + Double(float.nextUp)) / 2)"
      #expect(
        read(middle, NumberText.float)?.bitPattern == Float(middle)?.bitPattern, "\(middle)")
      let near = "\(Double(Int.random(in: -9_999...9_999, using: &random)) / 3)"
      #expect(read(near, NumberText.float)?.bitPattern == Float(near)?.bitPattern, "\(near)")
    }
    for text in ["", "-", ".", "1e", "e5", "1e+", "0x1p3", "1_0", "١", "1.2.3", "+-1", "infin"] {
      #expect(read(text, NumberText.double) == nil, "\(text)")
    }
    #expect(read("9223372036854775807", NumberText.integer) == .max)
    #expect(read("-9223372036854775808", NumberText.integer) == .min)
    #expect(read("-9223372036854775809", NumberText.integer) == nil)
  }

  /// Names of a file's own go before the input's and those made from numbers.
  @Test func columnsHaveTheNamesOfTheFile() throws {
    let input = TensorSpec(name: "input", elementType: .float32, shape: [nil, 3])
    let signature = Signature(inputs: [input], outputs: [])
    let layout = try RowLayout(signature, columnNames: ["age", "f0", "input"])
    #expect(layout.columnNames == ["age", "f0", "input"])
    #expect(layout.targets["age"] == .init(input: 0, element: 0))
    #expect(layout.targets["f0"] == .init(input: 0, element: 1))
    #expect(layout.targets["input"] == .init(input: 0, element: 2))
    #expect(layout.targets["input[2]"] == .init(input: 0, element: 2))
    // Of another number they belong to no column.
    let plain = try RowLayout(signature, columnNames: ["age"])
    #expect(plain.columnNames == ["input[0]", "input[1]", "input[2]"])
    #expect(plain.targets["age"] == nil)
  }

  @Test func modelsThatRowsCannotBeGivenToAreRefused() {
    func complaint(_ spec: TensorSpec) -> String {
      do throws(NodeError) {
        _ = try RowLayout(Signature(inputs: [spec], outputs: []))
        return ""
      } catch {
        return error.message
      }
    }
    #expect(
      complaint(TensorSpec(name: "x", elementType: .float32, shape: [])).contains(
        "one value for all"))
    #expect(
      complaint(TensorSpec(name: "x", elementType: .uint8, shape: [nil, 1])).contains("uint8"))
    #expect(
      complaint(TensorSpec(name: "x", elementType: .float32, shape: [nil, nil])).contains(
        "not fixed"))
    #expect(
      complaint(TensorSpec(name: "x", elementType: .float32, shape: [nil, 1 << 40, 1 << 40]))
        .contains("too many values"))
  }
}
