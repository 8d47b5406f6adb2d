import Core
import Statistics

/// A comparison rule as a person writes it: the tool's name, and those of its settings that are
/// said.
///
/// What is not said is as the tool's documentation shows it. Plan files and the console's plan
/// editor both read and write rules through this.
public struct ComparisonSettings: Sendable, Hashable {
  /// Whose rule decides.
  public enum Tool: String, Sendable, Hashable, CaseIterable {
    /// This product's sequential test: no comparison rule at all.
    case evidence
    /// Flagger's threshold of failed looks.
    case flagger
    /// An analysis of Argo Rollouts.
    case argo
    /// Kayenta's Mann-Whitney classification.
    case kayenta
  }

  /// The tool.
  public var tool: Tool
  /// Time with traffic between two looks; 1m when it is not said.
  public var interval: TimeSpan?
  /// Flagger and Argo: the greatest share of bad answers, over 0 and under 1; 2 %.
  public var limit: Double?
  /// Failed looks that end it (Flagger, ``failuresRange``; 10), or that are borne (Argo; 3).
  public var failures: Int?
  /// Argo: looks over which the share is taken, ``windowRange``; 1.
  public var window: Int?
  /// Kayenta: the confidence of its interval, over 0 and under 1; 98 %.
  public var confidence: Double?
  /// Kayenta: the tolerated shift as a part of the stable's mean, ``toleranceRange``; 0.25.
  public var tolerance: Double?
  /// Kayenta: looks before the first comparison, ``pointsRange``; 10.
  public var points: Int?

  /// The tool with nothing said.
  public init(_ tool: Tool) { self.tool = tool }

  /// What a person would write for a rule, with all settings said; nil for a rule that no file can
  /// ask for.
  public init?(_ rule: ComparisonRule?) {
    guard let rule else {
      tool = .evidence
      return
    }
    switch rule.judge {
    case .flagger(let limit, let threshold):
      tool = .flagger
      (self.limit, failures) = (limit, threshold)
    case .argo(let limit, let failureLimit, let window):
      tool = .argo
      (self.limit, failures, self.window) = (limit, failureLimit, window)
    case .kayenta(let confidence, let tolerance, let pointsMin):
      tool = .kayenta
      (self.confidence, self.tolerance, points) = (confidence, tolerance, pointsMin)
    case .peeking: return nil
    }
    interval = rule.interval
  }

  /// The rule; nil for ``Tool/evidence``.
  public var rule: ComparisonRule? {
    let judge: ComparisonJudge
    switch tool {
    case .evidence: return nil
    case .flagger: judge = .flagger(limit: limit ?? 0.02, threshold: failures ?? 10)
    case .argo:
      judge = .argo(limit: limit ?? 0.02, failureLimit: failures ?? 3, window: window ?? 1)
    case .kayenta:
      judge = .kayenta(
        confidence: confidence ?? 0.98, tolerance: tolerance ?? 0.25, pointsMin: points ?? 10)
    }
    return ComparisonRule(judge: judge, interval: interval ?? .seconds(60))
  }

  /// What ``failures`` may be.
  public var failuresRange: ClosedRange<Int> { tool == .argo ? 0...1_000 : 1...1_000 }
  /// What ``window`` may be.
  public static let windowRange = 1...100
  /// What ``tolerance`` may be.
  public static let toleranceRange = 0.0...999.0
  /// What ``points`` may be.
  public static let pointsRange = 1...100
}
