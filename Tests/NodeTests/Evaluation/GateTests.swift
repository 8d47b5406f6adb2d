import Core
import FoundationEssentials
import Statistics
import Testing

@testable import Node

/// Files of gates, and what each gate says when it fails.
@Suite struct GateTests {
  private func gates(_ text: String) throws -> GateFile {
    try GateFile.parse(Array(text.utf8), file: "gates.yaml")
  }

  private func message(_ text: String) -> String {
    do {
      _ = try gates(text)
      return ""
    } catch { return NodeError(describing: error).message }
  }

  @Test func theSampleIsRead() throws {
    let gates = try GateFile.load(path: LibraryTests.root + "/samples/gates/standard.yaml")
    #expect(gates.name == "standard")
    #expect(gates.needsRows && gates.needsLabels)
    #expect(gates.cardFields == CardReview.standardFields)
    #expect(gates.goldenRowsMin == 10)
  }

  @Test(arguments: [
    (
      "name: g\nmetrics:\n  - metric: acuracy\n    min: 1\n",
      "gates.yaml:3:13: metrics[0].metric: \"acuracy\" is not known: did you mean \"accuracy\"?"
    ),
    (
      "name: g\nmetrics:\n  - metric: f1\n",
      "gates.yaml:3:5: metrics[0]: a limit is missing: min or max"
    ),
    (
      "name: g\nagainst:\n  - metric: f1\n",
      "gates.yaml:3:5: against[0]: what must be reached is missing: ratio or margin"
    ),
    (
      "name: g\nfairness:\n  - column: c\n",
      "gates.yaml:3:5: fairness[0]: a limit is missing: demographic_parity or equalised_odds"
    ),
    ("name: g\nlatency:\n  p99: fast\n", "gates.yaml:3:8: latency.p99: expected a duration"),
    ("name: g\nlatency: {}\n", "gates.yaml:2:10: latency: a budget is missing: p50, p99 or cpu"),
    (
      "name: g\nmemory:\n  growth_mb: -1\n",
      "gates.yaml:3:14: memory.growth_mb: expected a number from"
    ),
    ("name: g\ngoldn: {}\n", "gates.yaml:2:1: unknown key \"goldn\": did you mean \"golden\"?"),
    ("name: g\n", "gates.yaml:1:1: there is no gate in it"),
    ("golden: {}\n", "gates.yaml:1:1: the key \"name\" is missing"),
    ("", "gates.yaml: the file is empty"),
  ])
  func aWrongFileIsToldWithItsPlace(text: String, wanted: String) {
    #expect(message(text).hasPrefix(wanted), "\(message(text))")
  }

  // MARK: Judgement

  private let signature = Signature(
    inputs: [TensorSpec(name: "x", elementType: .float32, shape: [nil, 1])], outputs: [])

  private func evidence() -> GateEvidence {
    GateEvidence(
      signature: signature, card: .failure(NodeError(.badInput, "card:1:1: no good")))
  }

  private func measured() -> GateEvidence {
    var report = EvaluationReport(
      model: "m", origin: "eval.csv", rows: 100, task: .classification, confidence: 0.95,
      segmentRowsMin: 30)
    report.metrics = [
      MetricValue(.accuracy, 0.8, ConfidenceInterval(low: 0.7, high: 0.9), "Wilson"),
      MetricValue(.logLoss, 0.5, ConfidenceInterval(low: 0.4, high: 0.6), "Student"),
    ]
    report.segments = [
      SegmentReport(
        column: "origin",
        segments: [
          segment("JFK", 0.9, 60), segment("LGA", 0.6, 40), segment("EWR", 0.1, 5),
        ], demographicParityDifference: nil, equalisedOddsDifference: nil,
        matrices: [matrix(60, 30), matrix(40, 8), matrix(5, 5)], positive: 1)
    ]
    var evidence = evidence()
    evidence.report = report
    evidence.cost = ServingCost(
      rows: 10, p50Microseconds: 90, p99Microseconds: 2_000, cpuMicroseconds: 80,
      firstMicroseconds: 100, freeBytes: 100_000_000, growthBytes: 30_000_000, nonFinite: 0,
      scratchBefore: 10,
      scratchAfter: 10)
    return evidence
  }

  /// So many rows, all of class 0, of which `wrong` were answered 1.
  private func matrix(_ rows: Int, _ wrong: Int) -> ConfusionMatrix {
    var matrix = ConfusionMatrix(classCount: 2)
    matrix.add(truth: 0, answer: 0, times: rows - wrong)
    matrix.add(truth: 0, answer: 1, times: wrong)
    return matrix
  }

  private func segment(_ value: String, _ accuracy: Double, _ rows: Int) -> SegmentScores {
    SegmentScores(
      value: value, rows: rows, selectionRate: 0.5,
      metrics: [MetricValue(.accuracy, accuracy, nil, "Wilson")])
  }

  private func judged(
    _ text: String, _ evidence: GateEvidence, signed: [String: String] = [:]
  ) throws -> [GateResult] {
    GateJudgement.results(try gates("name: g\n" + text), evidence, signed: signed)
  }

  @Test(arguments: [
    ("metrics:\n- {metric: accuracy, min: 0.85}\n", "0.8000 is under 0.85"),
    ("metrics:\n- {metric: accuracy, min: 0.75, bound: interval}\n", "its interval does not"),
    ("metrics:\n- {metric: log_loss, max: 0.45}\n", "0.5000 is over 0.45"),
    ("metrics:\n- {metric: mae, max: 1}\n", "this kind of model has no mae"),
    (
      "segments:\n- {column: origin, metric: accuracy, min: 0.7}\n",
      "1 of 2 fail: LGA 0.6000 of 40 rows"
    ),
    (
      "segments:\n- {column: nowhere, metric: accuracy, min: 0.7}\n",
      "no value of the column has 30 rows"
    ),
    ("fairness:\n- {column: origin, demographic_parity: 0.2}\n", "treated more differently"),
    ("against:\n- {metric: accuracy, ratio: 0.95}\n", "--against"),
    ("latency: {p99: 1ms}\n", "one row a call takes too long"),
    ("memory: {growth_mb: 20}\n", "takes more memory than its budget"),
    ("signature: true\n", "--endpoint"),
    ("golden: {min_rows: 3}\n", "model import --golden"),
    ("card: true\n", "card:1:1: no good"),
    ("checklist: [load test]\n", "--sign \"load test=NAME\""),
  ])
  func aFailedGateSaysWhyAndWhatToDo(text: String, wanted: String) throws {
    let results = try judged(text, measured())
    let result = try #require(results.first)
    #expect(results.count == 1)
    #expect(!result.passed)
    #expect(result.advice.contains(wanted), "\(result.advice)")
    #expect(!result.measured.isEmpty && !result.limit.isEmpty)
  }

  @Test(arguments: [
    "metrics:\n- {metric: accuracy, min: 0.8}\n",
    "metrics:\n- {metric: accuracy, min: 0.7, bound: interval}\n",
    "metrics:\n- {metric: log_loss, max: 0.6, bound: interval}\n",
    "segments:\n- {column: origin, metric: accuracy, min: 0.6}\n",
    "fairness:\n- {column: origin, demographic_parity: 0.31, equalised_odds: 0.31}\n",
    "latency: {p50: 100us, p99: 2ms, cpu: 80us}\n",
    "memory: {growth_mb: 30}\n", "warm_up: true\n", "checklist: [load test]\n",
  ])
  func whatReachesItsLimitPasses(text: String) throws {
    let results = try judged(text, measured(), signed: ["load test": "ana"])
    #expect(!results.isEmpty)
    #expect(results.allSatisfy { $0.passed && $0.advice.isEmpty }, "\(results)")
  }

  @Test func warmUpFailsOnMemoryAndOnWrongNumbers() throws {
    var evidence = measured()
    evidence.cost = ServingCost(
      rows: 10, p50Microseconds: 1, p99Microseconds: 1, cpuMicroseconds: 1, firstMicroseconds: 1,
      growthBytes: 0, nonFinite: 0, scratchBefore: 10, scratchAfter: 20)
    #expect(try judged("warm_up: true\n", evidence)[0].advice.contains("still take memory"))
    evidence.cost = ServingCost(
      rows: 10, p50Microseconds: 1, p99Microseconds: 1, cpuMicroseconds: 1, firstMicroseconds: 1,
      growthBytes: 0, nonFinite: 2, scratchBefore: 10, scratchAfter: 10)
    #expect(try judged("warm_up: true\n", evidence)[0].advice.contains("NaN or infinity"))
    evidence.cost = nil
    evidence.costFault = "row 3 fails"
    #expect(try judged("warm_up: true\n", evidence)[0].advice == "row 3 fails")
  }

  @Test func anotherSignatureBreaksCallers() throws {
    var evidence = measured()
    evidence.stableSignature = Signature(
      inputs: [TensorSpec(name: "y", elementType: .float32, shape: [nil, 1])], outputs: [])
    let result = try judged("signature: true\n", evidence)[0]
    #expect(result.advice.contains("it lacks the input \"y\""))
    evidence.stableSignature = signature
    #expect(try judged("signature: true\n", evidence)[0].passed)
  }

  @Test func theFirstVersionOfAnEndpointHasNothingToMatch() throws {
    var evidence = measured()
    evidence.isFirst = true
    let text = "signature: true\nagainst:\n- {metric: accuracy, ratio: 0.95}\n"
    #expect(try judged(text, evidence).map(\.passed) == [true, true])
  }

  @Test func eachFairnessGateHasItsOwnLimitOfRows() throws {
    let text = "fairness:\n- {column: origin, demographic_parity: 0.5, min_rows: 5}\n"
    let result = try judged(text, measured())[0]
    #expect(result.measured == "0.8000" && !result.passed)
    #expect(try judged(text.replacing("min_rows: 5", with: "min_rows: 6"), measured())[0].passed)
  }

  @Test func theStableMustBeMatched() throws {
    func found(_ low: Double, _ high: Double, _ second: Double) -> GateEvidence {
      var evidence = measured()
      let difference = VersionComparison.difference(
        .accuracy, 0.8, second, ConfidenceInterval(low: low, high: high), "paired shares",
        NonInferiorityRule())
      evidence.comparison = ComparisonReport(
        first: "m@1", second: "m@2", origin: "eval.csv", rows: 100, confidence: 0.95, ratio: 0.95,
        metrics: [difference], notes: [])
      return evidence
    }
    let ratio = "against:\n- {metric: accuracy, ratio: 0.95}\n"
    let margin = "against:\n- {metric: accuracy, margin: 0.01}\n"
    #expect(try judged(ratio, found(-0.1, 0.1, 0.76))[0].passed)
    let low = try judged(ratio, found(-0.1, 0.1, 0.7))[0]
    #expect(low.advice.hasPrefix("it is 87.5% as good as m@1"), "\(low.advice)")
    #expect(try judged(margin, found(-0.005, 0.1, 0.8))[0].passed)
    let open = try judged(margin, found(-0.05, 0.1, 0.8))[0]
    #expect(!open.passed && open.advice.contains("do not prove it"))
    let lenient = "against:\n- {metric: accuracy, margin: 0.01, undecided: pass}\n"
    #expect(try judged(lenient, found(-0.05, 0.1, 0.8))[0].passed)
    let worse = try judged(lenient, found(-0.1, -0.05, 0.7))[0]
    #expect(!worse.passed && worse.advice.contains("worse than the stable"))
  }

  @Test func aCardTellsWhatItLacks() throws {
    let card = try CardReview(
      """
      ---
      summary: "Says so."
      owner:
      metrics: {accuracy: 0.8}
      ---
      # m@1

      ## Intended use

      Tests only.

      ## Limitations
      """)
    #expect(card.missing == ["owner", "training_data", "limitations"])
    #expect(card.values.map(\.name) == ["summary", "metrics"])
    var evidence = measured()
    evidence.card = .success(card)
    let result = try judged("card: true\n", evidence)[0]
    #expect(result.measured == "3 of 6 fields")
    #expect(result.advice.hasPrefix("missing: owner, training_data, limitations"))
  }

  @Test(arguments: [
    ("p99: 3ms", true, ""), ("p99: 1ms", false, "one in 100 calls"),
    ("rows_per_second: 900", true, ""), ("rows_per_second: 1100", false, "too few rows"),
    ("p99_ratio: 2", true, ""), ("p99_ratio: 1.5", false, "wait longer than with the stable"),
    ("{p99_ratio: 1, p99_slack: 1ms}", true, ""), ("{p99_ratio: 1, p99_slack: 900us}", false, ""),
    ("throughput_ratio: 0.5", true, ""), ("throughput_ratio: 0.6", false, "fewer requests"),
  ])
  func loadIsHeldAgainstItsLimitsAndTheStable(
    limit: String, passes: Bool, advice: String
  ) throws {
    var evidence = measured()
    func figures(_ p99: Double, _ rows: Double) -> LoadFigures {
      LoadFigures(
        threads: 4, calls: 100, p50Microseconds: 10, p99Microseconds: p99, rowsPerSecond: rows)
    }
    evidence.load = LoadCost(own: figures(2_000, 1_000), stable: figures(1_000, 2_000))
    let text = limit.hasPrefix("{") ? "load: \(limit)\n" : "load:\n  \(limit)\n"
    let result = try judged(text, evidence)[0]
    #expect(result.passed == passes, "\(result)")
    #expect(advice.isEmpty || result.advice.contains(advice))
    evidence.load = LoadCost(own: figures(2_000, 1_000), stable: nil)
    let alone = try judged("load: {throughput_ratio: 1}\n", evidence)[0]
    #expect(!alone.passed && alone.measured == "nothing to compare with")
    evidence.isFirst = true
    #expect(try judged("load: {throughput_ratio: 1}\n", evidence)[0].passed)
    evidence.load = nil
    evidence.loadFault = "row 3 fails"
    #expect(try judged(text, evidence)[0].advice == "row 3 fails")
  }

  @Test func memoryIsHeldAgainstABudgetAndWhatIsFree() throws {
    let evidence = measured()
    #expect(try judged("memory: {growth_mb: 30}\n", evidence)[0].passed)
    #expect(try !judged("memory: {growth_mb: 29}\n", evidence)[0].passed)
    // 30 MB of the 100 MB that are free.
    #expect(try judged("memory: {available: 30%}\n", evidence)[0].passed)
    let full = try judged("memory: {available: 29%}\n", evidence)[0]
    #expect(!full.passed && full.measured == "30.0 of 100.0 MB")
    #expect(try #require(FreeMemory.bytes()) > 1_000_000)
    #expect(message("name: g\nmemory: {}\n").contains("growth_mb or available"))
    #expect(message("name: g\nload: {threads: 2}\n").contains("a limit is missing"))
    #expect(message("name: g\nload: {threads: 0}\n").contains("load.threads"))
  }

  @Test func theUsualGatesNeedNoLabels() throws {
    let (gates, digest) = try GateFile.standard()
    #expect(gates.name == "default" && !gates.needsLabels && gates.measuresCost)
    let bytes = try Data(
      contentsOf: URL(filePath: LibraryTests.root + "/samples/gates/default.yaml"))
    #expect(digest == Digest(ofBytes: [UInt8](bytes)))
  }
}
