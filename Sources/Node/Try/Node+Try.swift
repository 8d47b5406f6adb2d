import Control
import Core
import Serving

/// What a test request is made of.
struct TryOrder {
  let endpoint: Name
  /// By column; empty for the row of a recent request.
  let row: [String: String]
  let key: String?
  let headers: [String: String]
  /// The version that is asked for, ahead of every rule.
  let version: VersionID?
}

extension Node {
  /// Sends one test request through the endpoint as callers' requests go, outside of every verdict.
  /// - Throws: ``NodeError`` when nothing serves there, or the row does not fit.
  func tryRequest(_ order: TryOrder) throws -> TriedRequest {
    guard core.state.endpoint(order.endpoint) != nil else {
      throw NodeError(
        .unknown, "there is no endpoint \"\(order.endpoint)\": see sluice endpoint list")
    }
    guard let runtime = plane.runtime(of: order.endpoint), isServing else {
      throw NodeError(
        .refused,
        "\(order.endpoint) is not served by this process: deploy a version and run \"sluice serve\""
      )
    }
    let begin = SystemClock.monotonicNanoseconds()
    let (row, source) = try tryRow(order, runtime)
    let read = SystemClock.monotonicNanoseconds()
    let worker = runtime.makeWorker(seed: begin, tapCapacity: 2)
    var pinned = TapRecord.noVersion
    if let version = order.version {
      guard let tag = runtime.tag(of: version) else {
        return TriedRequest(
          refused: "not loaded", order, by: "the request asks for \(version), which is not here",
          row: row, source: source, generation: runtime.snapshot.generation)
      }
      pinned = tag
    }
    // The key's bytes with one more, so that an empty key has an address too.
    let key = Array((order.key ?? "").utf8) + [0]
    let (answer, outputs) = row.fill(worker.row) {
      RequestFacts.fill(worker.headers, order.headers) { _ in
        key.withUnsafeBufferPointer { bytes in
          let answer = worker.predict(
            Request(
              key: order.key == nil ? nil : bytes.baseAddress, keyCount: key.count - 1, id: begin,
              isSynthetic: true, pinned: pinned))
          return (answer, worker.outputs(of: answer))
        }
      }
    }
    return tried(
      order, answer, outputs, runtime, row: row, source: source,
      readNanoseconds: Int(read - begin))
  }

  /// The row that was given, or one that was asked before.
  private func tryRow(
    _ order: TryOrder, _ runtime: EndpointRuntime
  ) throws -> (RecordedRow, String?) {
    if !order.row.isEmpty {
      return (try RecordedRow(order.row, schema: runtime.schema, isWhole: true), nil)
    }
    if let recent = runtime.recentRows().last { return (recent, "a recent request") }
    let versions = [order.version, core.state.endpoint(order.endpoint)?.stable].compactMap { $0 }
    for version in versions {
      guard let golden = shelf.loaded(version)?.goldenSample,
        let row = try? RecordedRow(golden, schema: runtime.schema, isWhole: true)
      else { continue }
      return (row, "golden row 1 of \(version)")
    }
    throw NodeError(
      .refused,
      "\(order.endpoint) has had no request yet that could be sent again: give a row as JSON, like "
        + "'{\"\(runtime.schema.layout.fields.first?.name ?? "x")\": …}'")
  }

  private func tried(
    _ order: TryOrder, _ answer: Answer, _ outputs: [PredictionOutput],
    _ runtime: EndpointRuntime, row: RecordedRow, source: String?, readNanoseconds: Int
  ) -> TriedRequest {
    let hasAnswer = answer.outcome == .answered || answer.outcome == .fellBack
    let label = answer.prediction.label.key
    let score = answer.prediction.score
    let model = Int(answer.modelNanoseconds)
    return TriedRequest(
      endpoint: order.endpoint, version: runtime.version(tag: answer.answeredBy),
      routedTo: runtime.version(tag: answer.routedTo), chosenBy: chosen(order, answer, runtime),
      outcome: answer.outcome.words, bucket: answer.bucket < 0 ? nil : Int(answer.bucket),
      label: hasAnswer && !label.isMissing ? label.text : nil,
      score: hasAnswer && score.isFinite ? Double(score) : nil,
      outputs: outputs.map { .init(name: $0.name, values: $0.values) },
      latencyNanoseconds: Int(answer.latencyNanoseconds),
      stages: [
        .init(name: "read", nanoseconds: readNanoseconds),
        .init(name: "route", nanoseconds: Int(answer.latencyNanoseconds) - model),
        .init(name: "model", nanoseconds: model),
      ], row: row.named, rowSource: source, generation: answer.generation)
  }

  private func chosen(
    _ order: TryOrder, _ answer: Answer, _ runtime: EndpointRuntime
  ) -> String {
    if let version = order.version { return "the request asks for \(version)" }
    let snapshot = runtime.snapshot
    var words: String
    if answer.rule != TapRecord.noRule, Int(answer.rule) < snapshot.rules.count,
      snapshot.generation == answer.generation
    {
      let rule = snapshot.rules[Int(answer.rule)]
      words = "the rule \(rule.name) (\(rule.rule)), bucket \(answer.bucket)"
    } else if answer.bucket >= 0 {
      words =
        order.key == nil
        ? "bucket \(answer.bucket), drawn for this request alone"
        : "bucket \(answer.bucket) of the key"
    } else {
      words = "nothing: the endpoint takes no requests now"
    }
    if answer.flags.contains(.redirected) {
      words += "; its version is closed by a rollback, so its traffic goes on to another"
    }
    return words
  }
}

extension TriedRequest {
  /// A request that was not sent.
  fileprivate init(
    refused outcome: String, _ order: TryOrder, by chosenBy: String, row: RecordedRow,
    source: String?, generation: Int
  ) {
    self.init(
      endpoint: order.endpoint, version: nil, routedTo: nil, chosenBy: chosenBy, outcome: outcome,
      bucket: nil, label: nil, score: nil, outputs: [], latencyNanoseconds: 0, stages: [],
      row: row.named, rowSource: source, generation: generation)
  }
}

extension Serving.Outcome {
  /// As people read it.
  fileprivate var words: String {
    switch self {
    case .answered: "answered"
    case .fellBack: "fell back"
    case .failed: "failed"
    case .unavailable: "unavailable"
    case .notLoaded: "not loaded"
    case .closed: "closed"
    }
  }
}

/// A row as a person gives it.
public enum TryRow {
  /// Reads one JSON object: `{"carrier":"AA","distance":733,"x":[1,2]}`; null is a missing value,
  /// the elements of an array are the columns `x[0]`, `x[1]`.
  /// - Throws: ``NodeError`` (`badInput`) with the column of what is wrong.
  public static func parse(_ text: String) throws(NodeError) -> [String: String] {
    let bytes = Array(text.utf8)
    let value: JSONLine
    do throws(JSONLine.Fault) { value = try JSONLine(bytes[...]) } catch {
      throw NodeError(.badInput, "--row: column \(error.column): \(error.message)")
    }
    guard case .object(let members) = value else {
      throw NodeError(
        .badInput, "--row: expected an object like {\"carrier\":\"AA\"}, got \(value.shown)")
    }
    return try cells(members, "--row")
  }

  /// The cells of an object's members by column.
  static func cells(
    _ members: [JSONLine.Member], _ place: String
  ) throws(NodeError) -> [String: String] {
    var row: [String: String] = [:]
    for member in members {
      if case .array(let list) = member.value {
        for (index, value) in list.enumerated() {
          row["\(member.key)[\(index)]"] = try cell(value, member.key, place)
        }
      } else {
        row[member.key] = try cell(member.value, member.key, place)
      }
    }
    return row
  }

  private static func cell(
    _ value: JSONLine, _ name: String, _ place: String
  ) throws(NodeError) -> String {
    switch value {
    case .null: return ""
    case .truth(let truth): return truth ? "true" : "false"
    case .number(let digits): return digits
    case .text(let text): return text
    case .array, .object:
      throw NodeError(
        .badInput,
        "\(place): \(printable(name, limit: 60)): expected a text or a number, got \(value.shown)")
    }
  }
}
