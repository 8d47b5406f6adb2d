import Core
import Telemetry

/// Turns a version's drift monitor into what the Drift pane shows.
enum DriftViews {
  /// Rows between two evaluations; figures change no faster than that.
  private static let rowsBetween = 100

  /// The view, worst feature first; nil when the version has no usable reference.
  static func view(
    of telemetry: VersionTelemetry, version: VersionID, histograms: Bool
  ) -> DriftView? {
    guard let monitor = telemetry.drift else { return nil }
    let features = features(telemetry, monitor)
    return DriftView(
      version: version, rows: monitor.rows, referenceRows: monitor.layout.reference.rows,
      windowRows: monitor.windowRows,
      features: histograms ? withBins(features, monitor) : features,
      enough: monitor.rows >= DriftReport.rowsMin)
  }

  /// The largest index of a version's features; nil before there are enough rows.
  static func largestScore(_ telemetry: VersionTelemetry) -> Double? {
    guard let monitor = telemetry.drift, monitor.rows >= DriftReport.rowsMin else { return nil }
    return features(telemetry, monitor).map(\.psi).max()
  }

  /// The names of features that surely drifted.
  static func drifted(_ telemetry: VersionTelemetry) -> [String] {
    guard let monitor = telemetry.drift else { return [] }
    return features(telemetry, monitor).filter { $0.severity == .bad }.map(\.name)
  }

  /// The names of inputs that surely drifted; nil without a usable reference or rows enough.
  static func driftedInputs(_ telemetry: VersionTelemetry) -> [String]? {
    guard let monitor = telemetry.drift, monitor.rows >= DriftReport.rowsMin else { return nil }
    return features(telemetry, monitor).filter { $0.severity == .bad && !$0.isOutput }.map(\.name)
  }

  private static func features(
    _ telemetry: VersionTelemetry, _ monitor: DriftMonitor
  ) -> [DriftView.Feature] {
    if let cache = telemetry.verdict, monitor.totalRows - cache.rowsSeen < rowsBetween {
      return cache.features
    }
    guard let report = try? DriftReport(layout: monitor.layout, window: monitor.window()) else {
      return []
    }
    let features = report.features.map { feature($0, monitor) }
      .sorted {
        // Figures that read alike stand by name, so that lines do not change places every second.
        ($1.severity, ($1.psi * 100).rounded(), $0.name)
          < ($0.severity, ($0.psi * 100).rounded(), $1.name)
      }
    telemetry.verdict = DriftVerdictCache(rowsSeen: monitor.totalRows, features: features)
    return features
  }

  private static func feature(
    _ feature: DriftReport.Feature, _ monitor: DriftMonitor
  ) -> DriftView.Feature {
    let severity: Severity
    switch feature.verdict {
    case .tooFew, .quiet: severity = .ok
    case .watch: severity = .warn
    case .drift: severity = .bad
    }
    return DriftView.Feature(
      name: feature.name, kind: feature.isNumeric ? "numeric" : "categorical",
      isOutput: feature.isOutput, psi: feature.psi, ksLow: feature.distance?.low,
      ksHigh: feature.distance?.high, qValue: feature.qValue,
      missingReference: feature.missingReference, missingCurrent: feature.missingCurrent,
      unseen: feature.unseen, severity: severity,
      history: monitor.history.map { past in
        past.indices.contains(feature.index) ? past[feature.index] : nil
      }, bins: [])
  }

  private static func withBins(
    _ features: [DriftView.Feature], _ monitor: DriftMonitor
  ) -> [DriftView.Feature] {
    let window = monitor.window()
    return features.map { feature in
      var feature = feature
      let all = monitor.layout.reference.features
      if let index = all.firstIndex(where: {
        $0.name == feature.name && $0.isOutput == feature.isOutput
      }) {
        feature.bins = monitor.layout.displayBins(feature: index, window: window).map {
          DriftView.Bin(
            label: $0.label, reference: $0.reference, current: $0.current,
            contribution: $0.contribution)
        }
      }
      return feature
    }
  }
}
