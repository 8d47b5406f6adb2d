import Core

/// One check of the rows that a model is to be trained on.
public struct QualityLine: Sendable, Codable, Equatable {
  /// What was looked at: `rows`, `missing values`.
  public var check: String
  /// What was found: `12,345`, `pressure 31.2 %`.
  public var measured: String
  /// What was asked for: `at least 5,000`; empty for what is only told.
  public var limit: String
  /// Whether it is so.
  public var passed: Bool
}

/// Holds what was found of the rows against a policy's limits.
enum DataQuality {
  /// All checks, then what is only told.
  static func lines(
    _ facts: TrainingFacts, _ rules: RetrainingPolicy.DataRules
  ) -> [QualityLine] {
    limits(facts, rules) + remarks(facts)
  }

  /// What failed, in a sentence; nil when nothing did.
  static func fault(_ lines: [QualityLine]) -> String? {
    let failed = lines.filter { !$0.passed }
    guard !failed.isEmpty else { return nil }
    return failed.map { "\($0.check) \($0.measured), wanted \($0.limit)" }.joined(separator: "; ")
  }

  private static func limits(
    _ facts: TrainingFacts, _ rules: RetrainingPolicy.DataRules
  ) -> [QualityLine] {
    var lines = [
      QualityLine(
        check: "rows", measured: "\(facts.rows)", limit: "at least \(rules.minRows)",
        passed: facts.rows >= rules.minRows && facts.trainingRows > 0)
    ]
    if let least = rules.minLabelled {
      let share = part(facts.labelled, facts.requests)
      lines.append(
        QualityLine(
          check: "labelled", measured: words(share), limit: "at least \(percentWords(least))",
          passed: share >= Double(least) / 10_000))
    }
    if let most = rules.maxMissing {
      let worst = facts.missing.max { $0.rise < $1.rise }
      lines.append(
        QualityLine(
          check: "missing values", measured: worst.map(words) ?? "no column",
          limit: "at most \(percentWords(most)) over training",
          passed: worst.map { $0.rise <= Double(most) / 10_000 } ?? false))
    }
    if let least = rules.minClassShare {
      let rarest = facts.classes.min { ($0.value, $0.key) < ($1.value, $1.key) }
      let share = facts.classes.count < 2 ? 0 : part(rarest?.value ?? 0, facts.rows)
      let measured =
        facts.classes.count < 2
        ? "\(facts.classes.count) classes" : "class \(rarest?.key ?? "-") \(words(share))"
      lines.append(
        QualityLine(
          check: "rarest class", measured: measured, limit: "at least \(percentWords(least))",
          passed: share >= Double(least) / 10_000 && facts.classes.count >= 2))
    }
    if let most = rules.maxDuplicates {
      let share = part(facts.duplicates, facts.rows)
      lines.append(
        QualityLine(
          check: "equal rows", measured: words(share), limit: "at most \(percentWords(most))",
          passed: share <= Double(most) / 10_000))
    }
    return lines
  }

  /// What a person should know and no limit is about.
  private static func remarks(_ facts: TrainingFacts) -> [QualityLine] {
    var lines: [QualityLine] = []
    func tell(_ check: String, _ measured: String) {
      lines.append(QualityLine(check: check, measured: measured, limit: "", passed: true))
    }
    tell("rows to train on", "\(facts.trainingRows)")
    tell("rows held out", "\(facts.holdoutRows)")
    if let first = facts.first, let last = facts.last { tell("recorded", "\(first) to \(last)") }
    if !facts.withheld.isEmpty {
      tell("kept out of the recording", facts.withheld.joined(separator: ", "))
    }
    if facts.shortened > 0 { tell("left out for long texts", "\(facts.shortened)") }
    if facts.tooMany > 0 { tell("left out, newer ones are enough", "\(facts.tooMany)") }
    if facts.dropped > 0 { tell("dropped by the recorder", "\(facts.dropped)") }
    if facts.damaged > 0 { tell("damaged stretches", "\(facts.damaged)") }
    tell(
      "drift from the stable's training",
      facts.drifted.map { $0.isEmpty ? "none" : $0.joined(separator: ", ") } ?? "not known")
    return lines
  }

  private static func part(_ count: Int, _ all: Int) -> Double {
    all > 0 ? Double(count) / Double(all) : 0
  }

  private static func words(_ share: Double) -> String { "\(decimal(share * 100, 2)) %" }

  private static func words(_ missing: TrainingFacts.Missing) -> String {
    let training = missing.reference.map { " (\(words($0)) in training)" } ?? ""
    return "\(missing.column) \(words(missing.share))\(training)"
  }
}
