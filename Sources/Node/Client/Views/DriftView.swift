import Core

/// Drift of one version's inputs and outputs against its training reference.
public struct DriftView: Sendable, Codable {
  /// One feature or output.
  public struct Feature: Sendable, Codable {
    /// Its name.
    public var name: String
    /// `numeric` or `categorical`.
    public var kind: String
    /// Whether it is the model's answer and not a feature.
    public var isOutput: Bool
    /// The population stability index against the reference.
    public var psi: Double
    /// The Kolmogorov-Smirnov distance lies between these two; nil for categories.
    public var ksLow: Double?
    /// The upper end of that interval.
    public var ksHigh: Double?
    /// The p-value of "PSI is at most the tolerated effect", after Benjamini-Hochberg.
    public var qValue: Double?
    /// Missing values in the reference, 0 to 1.
    public var missingReference: Double
    /// Missing values in the window, 0 to 1.
    public var missingCurrent: Double
    /// Share of rows with a category that the reference never had.
    public var unseen: Double
    /// How bad it is.
    public var severity: Severity
    /// PSI of past windows, oldest first.
    public var history: [Double?]
    /// About 32 merged bins for the overlay; empty unless asked for.
    public var bins: [Bin]

    /// Puts them together.
    public init(
      name: String, kind: String, isOutput: Bool, psi: Double, ksLow: Double?, ksHigh: Double?,
      qValue: Double?, missingReference: Double, missingCurrent: Double, unseen: Double,
      severity: Severity, history: [Double?], bins: [Bin]
    ) {
      self.name = name
      self.kind = kind
      self.isOutput = isOutput
      self.psi = psi
      self.ksLow = ksLow
      self.ksHigh = ksHigh
      self.qValue = qValue
      self.missingReference = missingReference
      self.missingCurrent = missingCurrent
      self.unseen = unseen
      self.severity = severity
      self.history = history
      self.bins = bins
    }
  }

  /// One column of the overlay histogram.
  public struct Bin: Sendable, Codable {
    /// `12.5 to 14`, `UA`, `missing`.
    public var label: String
    /// The reference's part in this bin, 0 to 1.
    public var reference: Double
    /// The window's part in this bin, 0 to 1.
    public var current: Double
    /// This bin's part of the PSI, 0 to 1.
    public var contribution: Double

    /// Puts them together.
    public init(label: String, reference: Double, current: Double, contribution: Double) {
      self.label = label
      self.reference = reference
      self.current = current
      self.contribution = contribution
    }
  }

  /// The version that is compared with its reference.
  public var version: VersionID
  /// Rows in the current window.
  public var rows: Int
  /// Rows in the reference.
  public var referenceRows: Int
  /// How many rows the window can hold.
  public var windowRows: Int
  /// Worst first.
  public var features: [Feature]
  /// False until enough rows have come for a verdict.
  public var enough: Bool

  /// Puts them together.
  public init(
    version: VersionID, rows: Int, referenceRows: Int, windowRows: Int, features: [Feature],
    enough: Bool
  ) {
    self.version = version
    self.rows = rows
    self.referenceRows = referenceRows
    self.windowRows = windowRows
    self.features = features
    self.enough = enough
  }
}
