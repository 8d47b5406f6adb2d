import Core

/// What versions are searched for; all that is given must hold.
public struct VersionQuery: Sendable, Hashable, Codable {
  /// Of this model.
  public var model: Name?
  /// With these tags; an empty value is any.
  public var tags: [Tag] = []
  /// With this alias.
  public var alias: Name?
  /// In this status.
  public var status: ReviewStatus?
  /// With evaluations such as `accuracy>0.9`.
  public var metrics: [MetricCondition] = []
  /// That has had weight on this endpoint.
  public var servedOn: Name?
  /// With each of these in its name, tags, summary or card; upper and lower case are alike.
  public var texts: [String] = []
  /// Deleted ones too.
  public var includesDeleted = false

  /// Everything that is there.
  public init() {}

  /// Whether a version is what is searched for.
  /// - Parameter card: reads its card; asked only when nothing else tells.
  public func matches(
    _ registered: RegisteredVersion, in state: ControlState, card: () -> String
  ) -> Bool {
    let version = registered.version
    let record = state.registry.record(of: version)
    guard includesDeleted || record.deletion == nil, model == nil || model == version.model,
      status == nil || status == record.status,
      servedOn.map(record.servedOn.contains) ?? true,
      alias.map(state.registry.aliases(of: version).contains) ?? true,
      metrics.allSatisfy({ $0.holds(registered.draft.metrics) }),
      tags.allSatisfy({ wanted in
        record.tags.contains {
          $0.key == wanted.key && (wanted.value.isEmpty || $0.value == wanted.value)
        }
      })
    else { return false }
    guard !texts.isEmpty else { return true }
    let near = "\(version) \(registered.draft.summary) \(record.tags)".lowercased()
    var text: String?
    return texts.allSatisfy { wanted in
      let wanted = wanted.lowercased()
      if near.contains(wanted) { return true }
      let full = text ?? card().lowercased()
      text = full
      return full.contains(wanted)
    }
  }
}

/// A comparison with a metric of a version's card.
public struct MetricCondition: Sendable, Hashable, Codable {
  /// How it compares.
  public enum Comparison: String, Sendable, Hashable, Codable, CaseIterable {
    case less = "<"
    case atMost = "<="
    case more = ">"
    case atLeast = ">="
    case equal = "="
    case unequal = "!="
  }
  /// The metric's name.
  public let metric: String
  /// How it compares.
  public let comparison: Comparison
  /// With what.
  public let value: Double

  /// Reads `accuracy>0.9`.
  /// - Throws: ``InvalidValue`` that says what was expected.
  public init(_ text: String) throws(InvalidValue) {
    guard let start = text.firstIndex(where: { "<>=!".contains($0) }) else {
      throw InvalidValue(
        "expected a comparison like accuracy>0.9, got \"\(printable(text, limit: 80))\"")
    }
    let sign = text[start...].prefix { "<>=!".contains($0) }
    let rest = text[sign.endIndex...]
    guard start > text.startIndex, let comparison = Comparison(rawValue: String(sign)),
      let value = Double(rest), value.isFinite
    else {
      throw InvalidValue(
        "expected a comparison like accuracy>0.9 (<, <=, >, >=, =, !=), got \""
          + "\(printable(text, limit: 80))\"")
    }
    metric = String(text[..<start])
    self.comparison = comparison
    self.value = value
  }

  /// Whether it holds; never for a version that was not measured by the metric.
  public func holds(_ metrics: [String: Double]) -> Bool {
    guard let found = metrics[metric] else { return false }
    return switch comparison {
    case .less: found < value
    case .atMost: found <= value
    case .more: found > value
    case .atLeast: found >= value
    case .equal: found == value
    case .unequal: found != value
    }
  }
}
