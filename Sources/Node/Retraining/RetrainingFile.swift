import Control
import Core
import Documents
import Storage

/// A retraining policy as a person writes it (YAML).
public enum RetrainingFile {
  private static let argumentsMax = 100
  private static let scheduleMax = 50

  /// Reads a policy from the bytes of a file called `file`.
  /// - Parameter plans: the names of the plans that are known.
  /// - Throws: a ``Failure`` with line and column.
  public static func parse(
    _ bytes: [UInt8], file: String, plans: Set<String>
  ) throws -> RetrainingPolicy {
    guard let node = try YAMLParser.parse(bytes, file: file) else {
      throw InvalidValue(
        "\(printable(file)): the file is empty; a retraining policy needs name, endpoint, model, "
          + "command, label and plan")
    }
    let root = try node.mapping(allowed: [
      "name", "endpoint", "model", "command", "directory", "timeout", "cool_down", "keep_runs",
      "triggers", "data", "label", "positive", "gates", "then", "plan",
    ])
    let folder = folder(of: file)
    let triggers = try root.optional("triggers")?.mapping(allowed: [
      "drift", "accuracy", "schedule",
    ])
    let day = TimeSpan.minutes(1_440)
    return RetrainingPolicy(
      name: try root.required("name").name(), endpoint: try root.required("endpoint").name(),
      model: try root.required("model").name(), command: try command(root.required("command")),
      directory: try root.optional("directory").map {
        resolved(try $0.string(), in: folder)
      } ?? folder,
      timeout: try root.optional("timeout")?.duration(in: .seconds(1)...TimeSpan.minutes(10_080))
        ?? .minutes(120),
      coolDown: try root.optional("cool_down")?.duration(in: .zero...TimeSpan.minutes(525_600))
        ?? day,
      keepRuns: try root.optional("keep_runs")?.int(in: 1...100) ?? 5,
      drift: try triggers?.optional("drift").map(drift),
      accuracy: try triggers?.optional("accuracy").map(accuracy),
      schedule: try triggers?.optional("schedule").map(schedule) ?? [],
      data: try root.optional("data").map(data) ?? RetrainingPolicy.DataRules(),
      label: try label(root.required("label")),
      positive: try root.optional("positive")?.string(limitBytes: 200),
      gatesPath: try root.optional("gates").map { resolved(try $0.string(), in: folder) },
      ending: try root.optional("then")?.choice(RetrainingPolicy.Ending.self) ?? .propose,
      plan: try plan(root.required("plan"), plans), digest: Digest(ofBytes: bytes))
  }

  // MARK: Paths

  private static func folder(of file: String) -> String {
    guard let slash = file.lastIndex(of: "/") else { return "." }
    return slash == file.startIndex ? "/" : String(file[..<slash])
  }

  /// A relative path is from the policy file's folder.
  private static func resolved(_ path: String, in folder: String) -> String {
    path.hasPrefix("/") ? path : "\(folder)/\(path)"
  }

  // MARK: Parts

  private static func command(_ node: DocumentNode) throws -> [String] {
    let items = try node.items(limit: argumentsMax)
    guard let first = items.first else { throw node.error("the command is empty") }
    guard try !first.string().isEmpty else { throw first.error("the command is empty") }
    return try items.map { item in
      // An argument may be empty or a number, not left out.
      let text = try item.string()
      guard !text.utf8.contains(0) else { throw item.error("an argument holds a NUL character") }
      try checkPlaceholders(text, item)
      return text
    }
  }

  /// `{word}` must be one that is filled in; other braces are left alone.
  private static func checkPlaceholders(_ text: String, _ node: DocumentNode) throws {
    var rest = text[...]
    while let open = rest.firstIndex(of: "{") {
      rest = rest[rest.index(after: open)...]
      guard let close = rest.firstIndex(of: "}") else { return }
      let word = String(rest[..<close])
      guard !word.isEmpty, word.utf8.allSatisfy({ (0x61...0x7A).contains($0) }) else { continue }
      guard RetrainingPolicy.placeholders.contains(word) else {
        let all = RetrainingPolicy.placeholders.map { "{\($0)}" }.joined(separator: " ")
        throw node.error(
          "nothing is put in place of {\(printable(word, limit: 40))}: there are \(all)")
      }
    }
  }

  private static func drift(_ node: DocumentNode) throws -> RetrainingPolicy.Drift {
    let map = try node.mapping(allowed: ["features", "for"])
    return RetrainingPolicy.Drift(
      features: try map.optional("features")?.int(in: 1...1_024) ?? 1,
      time: try map.optional("for")?.duration(in: .zero...TimeSpan.minutes(43_200))
        ?? .minutes(30))
  }

  private static func accuracy(_ node: DocumentNode) throws -> RetrainingPolicy.Accuracy {
    let map = try node.mapping(allowed: ["below", "labels", "over"])
    let over = map.optional("over")
    let window = try over?.duration(in: .seconds(1)...TimeSpan(microseconds: .max)) ?? .minutes(60)
    guard window <= RetrainingPolicy.accuracyWindowMax else {
      throw (over ?? node).error(
        "a node keeps \(RetrainingPolicy.accuracyWindowMax) of labels, got \(window)")
    }
    return RetrainingPolicy.Accuracy(
      below: try map.required("below").percent(),
      labels: try map.optional("labels")?.int(in: 1...1_000_000_000) ?? 500, window: window)
  }

  private static func schedule(_ node: DocumentNode) throws -> [WeeklyMoment] {
    try node.items(limit: scheduleMax).map { item in
      do throws(InvalidValue) {
        return try WeeklyMoment(try text(item))
      } catch { throw item.error(error.message) }
    }
  }

  private static func text(_ node: DocumentNode) throws(InvalidValue) -> String {
    do { return try node.string(limitBytes: 100) } catch {
      throw InvalidValue("expected a time of the week like \"Sun 03:00\"")
    }
  }

  private static func data(_ node: DocumentNode) throws -> RetrainingPolicy.DataRules {
    let map = try node.mapping(allowed: [
      "min_rows", "max_rows", "min_labelled", "max_missing", "min_class_share", "max_duplicates",
      "holdout", "settle", "reach",
    ])
    var rules = RetrainingPolicy.DataRules()
    let most = 10_000_000
    if let rows = try map.optional("min_rows")?.int(in: 1...most) { rules.minRows = rows }
    if let rows = map.optional("max_rows") {
      rules.maxRows = try rows.int(in: 1...most)
      guard rules.maxRows >= rules.minRows else {
        throw rows.error("max_rows is less than min_rows, \(rules.minRows)")
      }
    } else {
      rules.maxRows = max(rules.maxRows, rules.minRows)
    }
    rules.minLabelled = try map.optional("min_labelled")?.percent()
    rules.maxMissing = try map.optional("max_missing")?.percent()
    rules.minClassShare = try map.optional("min_class_share")?.percent()
    rules.maxDuplicates = try map.optional("max_duplicates")?.percent()
    if let share = map.optional("holdout") {
      rules.holdout = try share.percent()
      guard rules.holdout <= 9_000 else {
        throw share.error("at most 90% may be held out: the command needs rows too")
      }
    }
    rules.settle = try map.optional("settle")?.duration() ?? .zero
    rules.reach = try map.optional("reach")?.duration()
    return rules
  }

  private static func label(_ node: DocumentNode) throws -> String {
    let text = try node.string(limitBytes: 200)
    guard !text.isEmpty else { throw node.error("the label column has no name") }
    return text
  }

  private static func plan(_ node: DocumentNode, _ plans: Set<String>) throws -> String {
    let name = try node.name().text
    guard plans.contains(name) else {
      let near =
        nearMiss(name, among: plans.sorted()).map { ": did you mean \"\($0)\"?" }
        ?? ": there are \(plans.sorted().joined(separator: ", "))"
      throw node.error("there is no plan \"\(name)\"\(near)")
    }
    return name
  }
}
