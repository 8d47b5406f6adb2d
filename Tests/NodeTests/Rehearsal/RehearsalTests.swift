import Control
import Core
import Foundation
import Inference
import Serving
import Storage
import Telemetry
import Testing

@testable import Node

/// Rehearsals with the sample's models and traffic.
@Suite("A rehearsal", .serialized)
struct RehearsalTests {
  private let sample: SampleFiles
  private let lines: [String]

  init() throws {
    sample = SampleFiles(
      directory: LibraryTests.root + "/samples/flight-delay", model: try Name("flight-delay"))
    let text = try String(
      contentsOfFile: LibraryTests.root + "/samples/flight-delay/traffic.csv", encoding: .utf8)
    lines = text.split(separator: "\n", maxSplits: 2_001).prefix(2_001).map(String.init)
  }

  private func withFolder(_ body: (String) throws -> Void) throws {
    let folder = "/tmp/sln-\(UUID().uuidString.prefix(8))"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    chmod(folder, 0o700)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try body(folder)
  }

  private func model(_ number: Int) -> RehearsalModel {
    RehearsalModel(.file(path: sample.modelPath(number)))
  }

  private func subject(_ candidate: Int) -> RehearsalSubject {
    RehearsalSubject(
      endpoint: sample.model, stable: VersionID(model: sample.model, number: 1),
      candidate: VersionID(model: sample.model, number: candidate))
  }

  private func traffic(_ folder: String) throws -> String {
    let path = "\(folder)/traffic.csv"
    try (lines.joined(separator: "\n") + "\n").write(
      toFile: path, atomically: true, encoding: .utf8)
    return path
  }

  private func plan() throws -> Plan {
    try #require(PlanFile.builtIn(name: "quick-ramp"))
  }

  private func compiled(_ number: Int) throws -> CompiledModel {
    try CompiledModel.load(
      Array(try Data(contentsOf: URL(fileURLWithPath: sample.modelPath(number)))))
  }

  @Test("rows in batches, rows alone and rows as served get the same answers")
  func answers() throws {
    try withFolder { folder in
      let (stable, candidate) = (try compiled(1), try compiled(2))
      let rows = try RehearsalRows.traffic(
        try traffic(folder), schema: RowSchema(stable.signature))
      let engine = RehearsalEngine(rows: rows, stable: stable, candidate: candidate)
      let batched = try engine.answers(measuresLatency: false)
      let timed = try engine.answers(measuresLatency: true)
      for (a, b) in [(batched.stable, timed.stable), (batched.candidate, timed.candidate)] {
        #expect(a.labels == b.labels && a.failed == b.failed)
        #expect(zip(a.scores, b.scores).allSatisfy { abs($0 - $1) <= 1e-6 })
      }
      #expect(timed.stable.latencyNanoseconds.allSatisfy { $0 > 0 })
      // As a worker would: in the file's order, which is that of time here.
      let buffer = RowBuffer(try RowSchema(stable.signature))
      let predictor = try ModelSource(stable).makePredictor()
      try predictor.attach(to: buffer)
      let table = try TrafficTable(
        csv: Array((lines.joined(separator: "\n") + "\n").utf8), schema: buffer.schema, name: "t")
      var order = Array(0..<table.rowCount)
      order.sort { (table.scheduledMinutes[$0], $0) < (table.scheduledMinutes[$1], $1) }
      for (place, row) in order.enumerated() {
        table.copy(row: row, to: buffer)
        let served = predictor.predict()
        #expect(served.label.key == timed.stable.labels[place])
        #expect(served.score == timed.stable.scores[place])
      }
    }
  }

  @Test("equal but for speed: the same seed gives the same report, and the truth is in it")
  func repeatable() throws {
    try withFolder { folder in
      let options = RehearsalOptions(
        plan: try plan(), stateDirectory: folder, trafficPath: try traffic(folder), runs: 6,
        measuresLatency: false, threads: 2)
      func report() throws -> RehearsalReport {
        var report = try Rehearsal.run(
          subject(4), stable: model(1), candidate: model(4), options)
        report.modelRowsPerSecond = 0
        report.replayedPerSecond = 0
        return report
      }
      let first = try report()
      #expect(try first == report())
      #expect(first.rows == 2_000 && first.labelled == 2_000)
      #expect(first.notes.contains("latency is not measured and so not judged"))
      // Version 4 is the sample's bad one.
      #expect(first.run.outcome == .rolledBack && first.run.cause == "wrong answers")
      let all = try #require(first.distribution)
      #expect(all.outcomes.reduce(0) { $0 + $1.share.count } == 6)
      let truth = first.truth
      #expect(
        truth.candidateWrong.count - truth.stableWrong.count
          == truth.onlyCandidateWrong - truth.onlyStableWrong)
      #expect(truth.candidateWrong.low > truth.stableWrong.high)
      // The report crosses the control socket.
      let bytes = try CanonicalJSON.encode(first)
      #expect(try CanonicalJSON.decode(RehearsalReport.self, from: bytes) == first)
    }
  }

  @Test("a recording is rehearsed at its own times, what is not in it is told")
  func recorded() throws {
    try withFolder { folder in
      let directory = try StateDirectory(folder, create: false)
      let signature = try compiled(1).signature
      let schema = try RowSchema(signature)
      let columns = schema.columns.map {
        RecordingHeader.Column(
          name: $0.name, isText: $0.elementType == .text, isWithheld: $0.name == "dew_point")
      }
      let writer = RecordingWriter(
        directory, endpoint: sample.model,
        limits: RecordingLimits(keepBytes: 1 << 30, maxAge: .minutes(600))
      ) { created in
        RecordingHeader(
          endpoint: sample.model, signature: signature, columns: columns, share: 2_500,
          created: created)
      }
      let header = lines[0].split(separator: ",", omittingEmptySubsequences: false).map(String.init)
      let version = VersionID(model: sample.model, number: 1)
      for (number, line) in lines.dropFirst().enumerated() {
        let cells = line.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
        let values = Dictionary(uniqueKeysWithValues: zip(header, cells))
        let time = Timestamp(microseconds: 1_700_000_000_000_000 + Int64(number) * 2_000)
        writer.append(
          RecordedRequest(
            time: time, id: UInt64(number),
            row: columns.map { column in
              if column.isWithheld == true { return .withheld }
              let text = values[column.name] ?? ""
              if number == 7, column.name == "carrier" {
                return .text(RecordedText(low: 1, high: 0xFF << 56))
              }
              return column.isText
                ? .text(RecordedText(text)) : .number(Float(text) ?? .nan)
            }, version: version, answeredBy: version))
        writer.append(
          RecordedLabel(
            time: time + .milliseconds(5), id: UInt64(number),
            label: Int64(values["late"] ?? "") ?? 0))
      }
      try writer.flush(now: Timestamp(microseconds: 1_700_000_010_000_000))
      try writer.close()
      let report = try Rehearsal.run(
        subject(4), stable: model(1), candidate: model(4),
        RehearsalOptions(plan: try plan(), stateDirectory: folder, measuresLatency: false))
      #expect(report.rows == 1_999)
      #expect(report.run.outcome == .rolledBack)
      #expect(report.notes.contains { $0.contains("25% of callers") })
      #expect(report.notes.contains { $0.contains("dew_point") })
      #expect(report.notes.contains { $0.contains("1 requests left out") })
      #expect(abs(report.spans.seconds - 4) < 0.1)
      let later = RehearsalOptions(
        plan: try plan(), stateDirectory: folder,
        since: Timestamp(microseconds: 1_700_000_003_000_000), measuresLatency: false)
      #expect(
        try Rehearsal.run(subject(4), stable: model(1), candidate: model(4), later).rows == 500)
    }
  }

  @Test("what cannot be rehearsed is told")
  func refusals() throws {
    try withFolder { folder in
      func refusal(_ subject: RehearsalSubject, _ path: String?) throws -> String {
        do {
          _ = try Rehearsal.run(
            subject, stable: model(1), candidate: model(2),
            RehearsalOptions(plan: try plan(), stateDirectory: folder, trafficPath: path))
          return ""
        } catch { return NodeError(describing: error).message }
      }
      #expect(try refusal(subject(1), nil).contains("is the stable"))
      #expect(try refusal(subject(2), nil).contains("sluice record on flight-delay"))
      let short = "\(folder)/short.csv"
      try (lines.prefix(20).joined(separator: "\n") + "\n").write(
        toFile: short, atomically: true, encoding: .utf8)
      #expect(try refusal(subject(2), short).contains("at least 100"))
    }
  }
}
