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
    sample = try SampleFiles.flightDelay
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
        try traffic(folder), plan: try plan(), schema: RowSchema(stable.signature))
      let engine = RehearsalEngine(rows: rows, models: [stable, candidate])
      let batched = try engine.answers(measuresLatency: false, clonesStable: true)
      let timed = try engine.answers(measuresLatency: true)
      #expect(batched.clone?.labels == batched.versions[0].labels && timed.clone == nil)
      #expect(batched.versions.count == 2 && timed.versions.count == 2)
      for (a, b) in zip(batched.versions, timed.versions) {
        #expect(a.labels == b.labels && a.failed == b.failed)
        #expect(zip(a.scores, b.scores).allSatisfy { abs($0 - $1) <= 1e-6 })
      }
      #expect(timed.versions[0].latencyNanoseconds.allSatisfy { $0 > 0 })
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
        #expect(served.label.key == timed.versions[0].labels[place])
        #expect(served.score == timed.versions[0].scores[place])
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
          subject(4), stable: model(1), candidates: [model(4)], options)
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
        subject(4), stable: model(1), candidates: [model(4)],
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
        try Rehearsal.run(subject(4), stable: model(1), candidates: [model(4)], later).rows == 500)
    }
  }

  @Test("every built-in plan comes to an end, with one candidate and where it can with two")
  func builtIn() throws {
    try withFolder { folder in
      let traffic = try traffic(folder)
      for file in BuiltInFiles.planFiles.keys.sorted() {
        let name = String(file.dropLast(".yaml".count))
        // A part of the time and the requests; all else as it is.
        let plan = try #require(PlanFile.builtIn(name: name)).shortened(by: 200)
        let report = try Rehearsal.run(
          subject(2), stable: model(1), candidates: [model(2)],
          RehearsalOptions(
            plan: plan, stateDirectory: folder, trafficPath: traffic, measuresLatency: false))
        #expect(report.run.outcome == .completed, "\(name)")
        #expect(report.run.winner == report.candidate)
        #expect(report.notPlayed.count == 1)
        #expect(report.run.steps.first?.kind == plan.steps.first?.kind)
      }
      var both = subject(2)
      both.rivals = [VersionID(model: sample.model, number: 4)]
      let options = RehearsalOptions(
        plan: try #require(PlanFile.builtIn(name: "ab-test")).shortened(by: 100),
        stateDirectory: folder, trafficPath: traffic, measuresLatency: false)
      func report() throws -> RehearsalReport {
        var report = try Rehearsal.run(
          both, stable: model(1), candidates: [model(2), model(4)], options)
        report.modelRowsPerSecond = 0
        report.replayedPerSecond = 0
        return report
      }
      let first = try report()
      #expect(try first == report())
      // Version 4 is the sample's bad one.
      #expect(first.run.outcome == .completed && first.run.winner == both.candidate)
      #expect(first.run.steps.first?.candidates[1].dropped == Metric.wrongAnswers.words)
      let rival = try #require(first.rivals?.first)
      #expect(rival.version == both.rivals[0])
      #expect(rival.truth.candidateWrong.low > first.truth.candidateWrong.high)
    }
  }

  @Test("rules and segments look at the rows' own values; what no row can have is told")
  func marks() throws {
    try withFolder { folder in
      let schema = try RowSchema(try compiled(1).signature)
      let text =
        "name: p\nsteps:\n  - weight: 10%\n    hold: 1s\n    when: carrier=AA|UA weekday=Mon\n"
        + "  - weight: 20%\n    hold: 1s\n    when: header:x-beta=1\n"
        + "  - weight: 30%\n    hold: 1s\n    when: scheduled_hour=6\n"
        + "  - weight: 100%\nmetrics:\n  - metric: errors\n    tolerance: 2\n"
        + "    risk_share: 100%\nwarm_up: 0\nsegments:\n  by: carrier\n  values: [UA, B6]\n"
        + "after: [other]\nrequires: [gates]\n"
      let plan = try PlanFile.parse(Array(text.utf8), file: "plan.yaml")
      let path = try traffic(folder)
      let rows = try RehearsalRows.traffic(path, plan: plan, schema: schema)
      let header = lines[0].split(separator: ",").map(String.init)
      var order = lines.dropFirst().map {
        $0.split(separator: ",", omittingEmptySubsequences: false)
      }
      let minute = try #require(header.firstIndex(of: "scheduled_minute"))
      order = order.enumerated().sorted {
        (Double($0.element[minute]) ?? 0, $0.offset) < (Double($1.element[minute]) ?? 0, $1.offset)
      }.map(\.element)
      let columns = try ["carrier", "weekday", "scheduled_hour"].map {
        try #require(header.firstIndex(of: $0))
      }
      var seen: Set<UInt64> = []
      for (row, fact) in zip(order, rows.facts) {
        let (carrier, day, hour) = (row[columns[0]], row[columns[1]], row[columns[2]])
        var wanted: UInt64 = ["AA", "UA"].contains(carrier) && day == "Mon" ? 1 : 0
        if hour == "6" { wanted |= 4 }
        if carrier == "UA" { wanted |= 8 }
        if carrier == "B6" { wanted |= 16 }
        #expect(fact.rules == wanted)
        #expect(fact.segment == (carrier == "UA" ? 0 : carrier == "B6" ? 1 : -1))
        seen.insert(wanted)
      }
      #expect(seen.count > 5)
      let report = try Rehearsal.run(
        subject(2), stable: model(1), candidates: [model(2)],
        RehearsalOptions(
          plan: plan, stateDirectory: folder, trafficPath: path, measuresLatency: false))
      #expect(report.run.outcome == .completed)
      #expect(report.notes.contains { $0.hasPrefix("step 2 is about 0 of the 2000 requests") })
      #expect(report.notPlayed.count == 4)
      for part in ["(other)", "(gates)", "x-beta", "by hand"] {
        #expect(report.notPlayed.contains { $0.contains(part) })
      }
    }
  }

  @Test("a recording's keys are told by their pseudonyms")
  func keys() throws {
    try withFolder { folder in
      let directory = try StateDirectory(folder, create: false)
      let secret = try RecordingSecret(of: directory)
      let schema = try RowSchema(try compiled(1).signature)
      let plan = try PlanFile.parse(
        Array(
          ("name: p\nsteps:\n  - weight: 10%\n    hold: 1s\n    when: key=alice|bob\n"
            + "  - weight: 100%\n").utf8), file: "plan.yaml")
      let marker = try RehearsalMarker(plan, schema: schema, recordingIn: directory)
      let row = RowBuffer(schema)
      func rules(of key: String?) -> UInt64 {
        let hash = key.map { key in
          Array(key.utf8).withUnsafeBufferPointer { bytes in
            bytes.baseAddress.map { KeyHash.identity($0, count: bytes.count) } ?? 0
          }
        }
        var fact = RehearsalRows.Facts(
          time: 0, key: hash.map(secret.pseudonym) ?? 0, isKeyed: key != nil, label: 0,
          labelDelay: 0)
        marker.mark(row, &fact)
        return fact.rules
      }
      #expect(rules(of: "alice") == 1 && rules(of: "bob") == 1)
      #expect(rules(of: "eve") == 0 && rules(of: nil) == 0)
    }
  }

  @Test("what cannot be rehearsed is told")
  func refusals() throws {
    try withFolder { folder in
      func refusal(_ subject: RehearsalSubject, _ path: String?) throws -> String {
        do {
          _ = try Rehearsal.run(
            subject, stable: model(1), candidates: [model(2)],
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

extension Plan {
  /// The same plan in a part of its time and with a part of its requests.
  fileprivate func shortened(by part: Int) -> Plan {
    func less(_ span: TimeSpan) -> TimeSpan {
      TimeSpan(microseconds: span.microseconds / Int64(part))
    }
    return Plan(
      name: name, summary: summary,
      steps: steps.map {
        PlanStep(
          weight: $0.weight, hold: less($0.hold), minRequests: $0.minRequests / part,
          needsApproval: $0.needsApproval, approvals: $0.approvals, strategy: $0.strategy,
          rule: $0.rule)
      }, metrics: metrics, holdRisk: holdRisk, rollbackRisk: rollbackRisk, soak: less(soak),
      holdDeadline: holdDeadline.map(less), latencySlack: latencySlack, approvals: approvals,
      blast: blast, promotion: promotion, warmUp: 0, holdPolicy: holdPolicy, segments: segments,
      judge: judge)
  }
}
