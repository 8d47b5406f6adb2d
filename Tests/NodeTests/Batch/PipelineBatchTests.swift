import Core
import Testing

@testable import Node

/// Many threads and pieces give what one gives; explanations and names come with the answers.
@Suite struct PipelineBatchTests {
  private let inputs: [TensorSpec] = [.number("a"), .text("t"), .number("b", .float64)]

  /// Rows with quotes, line breaks and faults, more than one piece of the input.
  private func table(_ rows: Int) -> String {
    var random = SplitMix64(seed: 5)
    var text = "t,a,b\r\n"
    for row in 0..<rows {
      switch Int.random(in: 0..<6, using: &random) {
      case 0: text += "\"x\n,\"\"\(row)\",\(row),1\n"
      case 1: text += "5\" pipe,\(row),2.25\r\n"
      case 2: text += "é,nan,\(row)e-3\n\n"
      case 3: text += "x,oops,1\n"
      case 4: text += ",\(row),\n"
      default: text += "t\(row),13,0\n"
      }
    }
    return text
  }

  @Test func threadsAndBatchesDoNotChangeTheAnswers() throws {
    let text = table(6_000)
    let one = try BatchRun.over(text, inputs, onBadRow: .null, rowsPerBatch: 1, threads: 1)
    #expect(one.report.rows == 6_000 && one.report.bad > 1_500)
    #expect(one.output.utf8.reduce(0) { $0 + ($1 == 0x0A ? 1 : 0) } > 6_000)
    for (threads, rows) in [(1, 64), (2, 1_024), (5, 7)] {
      let many = try BatchRun.over(
        text, inputs, onBadRow: .null, rowsPerBatch: rows, threads: threads)
      #expect(many.output == one.output && many.notes == one.notes)
      #expect(many.report.bad == one.report.bad && many.report.answered == one.report.answered)
    }
    #expect(one.notes.count == BatchOptions.toldRowsMax)
  }

  @Test func theFirstBadRowIsTheOneThatIsTold() {
    var text = "t,a,b\n"
    for row in 0..<9_000 { text += row == 7_000 || row == 8_000 ? "x,y,z\n" : "x,1,1\n" }
    #expect(BatchRun.complaint(text, inputs).contains(":7002: column \"a\""))
  }

  @Test func missingColumnsHaveANearMiss() {
    #expect(
      BatchRun.complaint("a,t,bb\n", inputs).contains("\"b\" is missing (is \"bb\" meant?)"))
  }

  @Test func elementsHaveSeveralNames() throws {
    let wide: [TensorSpec] = [.number("x", width: 3)]
    for header in ["x[0],x[1],x[2]", "x_0,x_1,x_2", "f0,f1,f2", "f0,x_1,x[2]"] {
      let run = try BatchRun.over("\(header)\n1,2,3\n", wide)
      #expect(run.output.hasSuffix("6.0,1.0,2.0,\"\"\n"), "\(header)")
    }
    #expect(BatchRun.complaint("f0,x_0,f2\n", wide).contains("there twice"))
  }

  @Test func namesOfClassesAreKeysAndColumns() throws {
    let csv = try BatchRun.over("a,t,b\n1,x,2\n", inputs, pairNames: ["late", "on, time"])
    #expect(csv.output == "sum,pair_late,\"pair_on, time\",echo\n3.0,1.0,2.0,x\n")
    let json = try BatchRun.over(
      "a,t,b\n1,x,2\n", inputs, format: .jsonl, pairNames: ["late", "on \"time\""])
    #expect(
      json.output
        == "{\"sum\":3.0,\"pair\":{\"late\":1.0,\"on \\\"time\\\"\":2.0},\"echo\":\"x\"}\n")
  }

  @Test func theLargestContributionsAreTold() throws {
    let text = "a,t,b\n1,x,-2\nbad,x,1\n3,x,\n"
    let json = try BatchRun.over(text, inputs, format: .jsonl, onBadRow: .null, explain: 2)
    let lines = json.output.split(separator: "\n")
    #expect(
      lines[0].hasSuffix(
        "\"explanation\":[{\"feature\":\"b\",\"contribution\":-2.0},"
          + "{\"feature\":\"a\",\"contribution\":1.0}]}"))
    #expect(lines[1].hasSuffix("\"explanation\":null}"))
    #expect(lines[2].hasSuffix("{\"feature\":\"b\",\"contribution\":null}]}"))
    let csv = try BatchRun.over(text, inputs, onBadRow: .null, explain: 1)
    #expect(
      csv.output
        == "sum,pair_0,pair_1,echo,explanation_1_feature,explanation_1_contribution\n"
        + "-1.0,1.0,2.0,x,b,-2.0\n,,,,,\nnan,3.0,6.0,x,a,3.0\n")
  }

  @Test func modelsWithoutExplanationSaySo() throws {
    let folder = try BatchFolder()
    let options = BatchOptions(
      inputPath: try folder.write("rows.csv", "a,t,b\n1,x,2\n"), explain: 3)
    var message = ""
    do {
      _ = try BatchPredict(
        BatchDouble(inputs), options, to: .file(path: folder.path + "/out", resume: false)
      ) { _ in }
    } catch {
      message = (error as? any Failure)?.message ?? ""
    }
    #expect(message.hasPrefix("--explain: "), "\(message)")
    #expect(folder.names == ["rows.csv"])
  }

  /// Whatever the bytes, rows are counted or one sentence says what is wrong.
  @Test func anyBytesAreRowsOrASentence() {
    let signature = BatchDouble(inputs + [.number("w", .int64, width: 2), .number("f", .bool)])
      .signature
    let good = [
      "a,t,b,w_0,w_1,f\n1,\"x\"\"\",2e3,4,5,true\n,,,1,2,0\r\n",
      "{\"a\":1,\"t\":\"\\u00e9\",\"b\":null,\"w\":[1,2],\"f\":false,\"z\":[{}]}\n",
      "\u{FEFF}f,w[1],w[0],b,t,a\n1,2,3,4,\"5\n\",-6\n",
    ].map { Array($0.utf8) }
    for bytes in good {
      let outcome = try? RowDecoding.decode(bytes, for: signature)
      #expect((outcome?.rows ?? 0) >= 1 && outcome?.bad == 0, "\(outcome?.firstMessage ?? "")")
    }
    var random = SplitMix64(seed: 31)
    let alphabet = Array("\",\n\r{}[]:\\0123456789.eE+-nulltruefabtw_ \u{FF}".utf8)
    for round in 0..<6_000 {
      var bytes = good[round % good.count]
      for _ in 0..<Int.random(in: 1...6, using: &random) {
        let at = Int.random(in: 0..<bytes.count, using: &random)
        switch Int.random(in: 0..<4, using: &random) {
        case 0: bytes[at] = UInt8.random(in: 0...255, using: &random)
        case 1: bytes.insert(alphabet.randomElement(using: &random) ?? 0, at: at)
        case 2: bytes.removeSubrange(at..<min(bytes.count, at + 3))
        default: bytes.insert(contentsOf: bytes[at..<min(bytes.count, at + 7)], at: at)
        }
        if bytes.isEmpty { bytes = [0x0A] }
      }
      do throws(NodeError) {
        let outcome = try RowDecoding.decode(bytes, for: signature)
        #expect(outcome.rows + outcome.bad <= bytes.count)
      } catch {
        #expect(!error.message.isEmpty && !error.message.contains("\n"))
      }
    }
  }

  /// Cutting at any place gives whole records only, the same as when all is seen at once.
  @Test func recordsAreCutAlikeHoweverTheyCome() {
    var random = SplitMix64(seed: 9)
    let pieces = ["a", ",", "\"", "\n", "\r\n", "\"x\n\"", "\"\"", ",\"", "\","]
    for _ in 0..<300 {
      let text = Array(
        (0..<40).map { _ in pieces[Int.random(in: 0..<pieces.count, using: &random)] }
          .joined().utf8)
      text.withUnsafeBufferPointer { all in
        // Ends of records as the grammar has them.
        var ends: [Int] = []
        var record = CSVRecord()
        var at = 0
        while at < all.count {
          while at < all.count, all[at] == 0x0A || all[at] == 0x0D { at += 1 }
          ends.append(at)
          guard at < all.count else { break }
          _ = record.scan(all, from: at)
          at = record.end
          ends.append(at)
        }
        var cutter = RecordCutter(.csv)
        for count in 1...all.count {
          let whole = cutter.wholeRecords(in: UnsafeBufferPointer(rebasing: all[..<count]))
          let isEnd =
            whole == 0 || ends.contains(whole)
            || (ends.contains { $0 > whole }
              && all[..<whole].last == 0x0A && isBlankBefore(all, whole, ends))
          #expect(isEnd, "\(String(decoding: text, as: UTF8.self)) at \(whole)")
        }
      }
    }
  }

  /// Whether a place lies in the blank lines behind a record.
  private func isBlankBefore(
    _ bytes: UnsafeBufferPointer<UInt8>, _ place: Int, _ ends: [Int]
  ) -> Bool {
    let last = ends.last { $0 <= place } ?? 0
    return bytes[last..<place].allSatisfy { $0 == 0x0A || $0 == 0x0D }
  }
}
