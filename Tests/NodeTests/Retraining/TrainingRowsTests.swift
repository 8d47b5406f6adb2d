import Core
import Foundation
import Storage
import Telemetry
import Testing

@testable import Node

/// A recording that a test makes by hand.
struct HandMadeRecording {
  let directory: StateDirectory
  let endpoint: Name
  let columns: [RecordingHeader.Column]
  let now = SystemClock.now()

  init(
    _ directory: StateDirectory, endpoint: Name, columns: [RecordingHeader.Column]
  ) {
    self.directory = directory
    self.endpoint = endpoint
    self.columns = columns
  }

  /// Row `index` of `count`, one a second, the last one a second ago.
  func time(_ index: Int, of count: Int) -> Timestamp { now + .seconds(index - count) }

  /// Writes rows with their labels; nil is a request without one.
  func write(_ rows: [(row: [RecordedValue], label: Int64?)]) throws {
    let (columns, endpoint) = (columns, endpoint)
    let version = try VersionID("m@1")
    let writer = RecordingWriter(
      directory, endpoint: endpoint,
      limits: RecordingLimits(keepBytes: 1 << 28, maxAge: .minutes(1_440))
    ) { time in
      RecordingHeader(
        endpoint: endpoint, signature: Signature(inputs: [], outputs: []), columns: columns,
        share: 10_000, created: time)
    }
    for (index, row) in rows.enumerated() {
      let time = time(index, of: rows.count)
      writer.append(
        RecordedRequest(
          time: time, id: UInt64(index + 1), row: row.row, version: version, answeredBy: version,
          label: RecordedText("0"), score: 0.25))
      if let label = row.label {
        writer.append(RecordedLabel(time: time, id: UInt64(index + 1), label: label))
      }
      if writer.bufferedBytes > 400_000 { try writer.flush(now: now) }
    }
    try writer.flush(now: now)
    try writer.close()
  }
}

@Suite("Rows to train on, and what they are like")
struct TrainingRowsTests {
  private let columns: [RecordingHeader.Column] = [
    .init(name: "city, code", isText: true), .init(name: "age", isText: false),
    .init(name: "secret", isText: true, isWithheld: true),
  ]

  private func text(_ text: String) -> RecordedValue { .text(RecordedText(text)) }

  private func export(
    _ rows: [(row: [RecordedValue], label: Int64?)], since: Int? = nil, maxRows: Int = 1_000,
    holdout: BasisPoints = 2_500,
    labelledUntil: Int? = nil, label: String = "late", reference: Reference? = nil,
    stop: (any Error)? = nil,
    _ body: (TrainingFacts, _ data: String, _ holdout: String) throws -> Void = { _, _, _ in }
  ) throws {
    let path = "/tmp/slq-\(UUID().uuidString.prefix(8))"
    defer { try? FileManager.default.removeItem(atPath: path) }
    let directory = try StateDirectory(path, create: true)
    let endpoint = try Name("e")
    let recording = HandMadeRecording(directory, endpoint: endpoint, columns: columns)
    try recording.write(rows)
    let folder = try RunFolder.make(directory, policy: try Name("p"), run: 1, keep: 2)
    let facts = try TrainingRows(
      options: .init(
        since: since.map { recording.time($0, of: rows.count) }, until: recording.now,
        labelledUntil: recording.time(labelledUntil ?? rows.count, of: rows.count), label: label,
        maxRows: maxRows, holdout: holdout, reference: reference),
      recording: try Recording(directory, endpoint: endpoint)
    ) { if let stop { throw stop } }.write(to: folder)
    try body(
      facts, try String(contentsOfFile: folder.dataPath, encoding: .utf8),
      try String(contentsOfFile: folder.holdoutPath, encoding: .utf8))
  }

  @Test func labelledRowsGoIntoTwoFilesByTime() throws {
    let rows: [(row: [RecordedValue], label: Int64?)] = [
      ([text("a\"b"), .number(1.5), .withheld], 0), ([text(""), .number(.nan), .withheld], 1),
      ([text("x"), .number(3), .withheld], nil), ([text("c,d"), .number(0.1), .withheld], 2),
      ([text("y"), .number(-1e9), .withheld], 0),
    ]
    try export(rows) { facts, data, holdout in
      let header = "\"city, code\",age,late\n"
      #expect(data == header + "\"a\"\"b\",1.5,0\n,,1\n\"c,d\",0.1,2\n")
      #expect(holdout == header + "y,-1e+09,0\n")
      #expect(facts.requests == 5 && facts.labelled == 4 && facts.withheld == ["secret"])
      #expect(facts.trainingRows == 3 && facts.holdoutRows == 1 && facts.duplicates == 0)
      #expect(facts.classes == ["0": 2, "1": 1, "2": 1])
      #expect(facts.missing.map(\.share) == [0.25, 0.25] && facts.drifted == nil)
    }
    // Only what came since the last training, the newest of it.
    try export(rows, since: 1, maxRows: 2, holdout: 0) { facts, data, holdout in
      #expect(data == "\"city, code\",age,late\n\"c,d\",0.1,2\ny,-1e+09,0\n")
      #expect(holdout == "\"city, code\",age,late\n")
      #expect(facts.requests == 4 && facts.tooMany == 1 && facts.rows == 2)
    }
    // Labels that come while rows are read do not count: both readings see the same rows.
    try export(rows, holdout: 0, labelledUntil: 2) { facts, data, _ in
      #expect(data == "\"city, code\",age,late\n\"a\"\"b\",1.5,0\n,,1\n")
      #expect(facts.requests == 5 && facts.labelled == 2)
    }
  }

  @Test func holdoutIsNeverOlderThanTraining() throws {
    let rows = (0..<200).map { index -> (row: [RecordedValue], label: Int64?) in
      ([text("t"), .number(Float(index)), .withheld], index % 3 == 0 ? nil : Int64(index % 2))
    }
    try export(rows, holdout: 2_000) { facts, data, holdout in
      func ages(_ text: String) -> [Int] {
        text.split(separator: "\n").dropFirst().compactMap { Int($0.split(separator: ",")[1]) }
      }
      let (old, new) = (ages(data), ages(holdout))
      #expect(new.count == (old.count + new.count) / 5)
      #expect((old.max() ?? 0) < (new.min() ?? 0))
    }
  }

  @Test func whatCannotBeExportedIsToldOrLeftOut() throws {
    let long = RecordedValue.text(RecordedText(low: 1, high: 0xFF << 56))
    try export([
      ([long, .number(1), .withheld], 1), ([text("a"), .number(1), .withheld], 1),
    ]) { facts, data, holdout in
      #expect(facts.shortened == 1 && facts.rows == 1)
    }
    do {
      try export([([text("a"), .number(1), .withheld], 1)], label: "age")
      Issue.record("a label with an input's name was taken")
    } catch {
      #expect(NodeError(describing: error).message.contains("is an input of the endpoint"))
    }
    struct Stop: Error {}
    #expect(throws: Stop.self) {
      try export([([text("a"), .number(1), .withheld], 1)], stop: Stop())
    }
    do {
      try export([]) { _, _, _ in Issue.record("nothing is recorded") }
    } catch { #expect(NodeError(describing: error).message.contains("sluice record on e")) }
  }

  // MARK: Quality

  private func lines(
    _ change: (inout TrainingFacts, inout RetrainingPolicy.DataRules) -> Void
  ) -> [QualityLine] {
    var facts = TrainingFacts()
    facts.requests = 100
    facts.labelled = 50
    facts.trainingRows = 40
    facts.holdoutRows = 10
    facts.classes = ["0": 45, "1": 5]
    facts.duplicates = 5
    facts.missing = [
      .init(column: "gust", share: 0.8, reference: 0.75),
      .init(column: "age", share: 0.2, reference: nil),
    ]
    var rules = RetrainingPolicy.DataRules()
    rules.minRows = 50
    rules.minLabelled = 5_000
    rules.maxMissing = 2_000
    rules.minClassShare = 1_000
    rules.maxDuplicates = 1_000
    change(&facts, &rules)
    return DataQuality.lines(facts, rules)
  }

  @Test func limitsHoldToTheirEdge() throws {
    let good = lines { _, _ in }
    #expect(DataQuality.fault(good) == nil)
    #expect(
      good.prefix(5).map(\.check) == [
        "rows", "labelled", "missing values", "rarest class", "equal rows",
      ])
    #expect(good[2].measured == "age 20.00 %" && good[3].measured == "class 1 10.00 %")
    let bad: [(String, (inout TrainingFacts) -> Void)] = [
      (
        "rows 49, wanted at least 50",
        {
          $0.holdoutRows = 9
          $0.duplicates = 0
        }
      ),
      ("labelled 49.00 %, wanted at least 50 %", { $0.labelled = 49 }),
      (
        "missing values age 21.00 %, wanted at most 20 % over training",
        { $0.missing[1].share = 0.21 }
      ),
      (
        "missing values gust 96.00 % (75.00 % in training), wanted at most 20 % over training",
        { $0.missing[0].share = 0.96 }
      ),
      ("rarest class class 1 8.00 %, wanted at least 10 %", { $0.classes = ["0": 46, "1": 4] }),
      ("rarest class 1 classes, wanted at least 10 %", { $0.classes = ["0": 50] }),
      ("equal rows 12.00 %, wanted at most 10 %", { $0.duplicates = 6 }),
    ]
    for (words, change) in bad {
      #expect(DataQuality.fault(lines { facts, _ in change(&facts) }) == words)
    }
    // Without rows nothing passes by dividing by none.
    let none = DataQuality.lines(TrainingFacts(), RetrainingPolicy.DataRules())
    #expect(DataQuality.fault(none) == "rows 0, wanted at least 1000")
  }

  @Test func driftOfTheRowsIsTold() throws {
    // Half 0 and half 1 in training, all 1 in the rows.
    let reference = try Reference(
      json: Array(
        """
        {"format":"sluice-reference-1","rows":1000,"features":[
        {"name":"age","kind":"numeric","count":1000,"missing":0,"min":0,"max":1,"mean":0.5,
        "sd":0.5,"edges":[0],"counts":[500,500]}],"outputs":[]}
        """.utf8))
    for (value, drifted) in [(Float(1), ["age"]), (Float.nan, ["age"])] {
      let rows = (0..<600).map { _ -> (row: [RecordedValue], label: Int64?) in
        ([text("t"), .number(value), .withheld], 1)
      }
      try export(rows, reference: reference) { facts, _, _ in
        #expect(facts.drifted == drifted)
        #expect(facts.missing[1].reference == 0 && facts.missing[1].rise == (value.isNaN ? 1 : 0))
      }
    }
    let rows = (0..<600).map { index -> (row: [RecordedValue], label: Int64?) in
      ([text("t"), .number(Float(index % 2)), .withheld], 1)
    }
    try export(rows, reference: reference) { facts, _, _ in
      #expect(facts.drifted == [] && facts.duplicates == 598)
    }
  }

  @Test func onlyTheNewestFoldersAreKept() throws {
    let path = "/tmp/slq-\(UUID().uuidString.prefix(8))"
    defer { try? FileManager.default.removeItem(atPath: path) }
    let directory = try StateDirectory(path, create: true)
    let policy = try Name("p")
    try FileManager.default.createDirectory(
      atPath: path + "/precious", withIntermediateDirectories: false)
    for run in 1...12 {
      let folder = try RunFolder.make(directory, policy: policy, run: run, keep: 3)
      try RunFolder.write([1], to: folder.dataPath)
      // A link that a command left is removed, not followed.
      try FileManager.default.createSymbolicLink(
        atPath: folder.outPath + "/link", withDestinationPath: path + "/precious")
    }
    #expect(FolderTree.names(in: path + "/retraining/p").sorted() == ["10", "11", "12"])
    #expect(FileManager.default.fileExists(atPath: path + "/precious"))
    let mode = try FileManager.default.attributesOfItem(atPath: path + "/retraining/p/12")
    #expect(mode[.posixPermissions] as? Int == 0o700)
  }
}
