import Core
import Synchronization

/// A version in memory, with warm predictors ready for workers.
///
/// Predictors are made when a version is loaded, before it gets traffic. A worker that sees a new
/// routing table takes one from here and gives it back when the version leaves the table, so a
/// rollback finds warm sessions. Dropping the last reference unloads the version.
public final class LoadedVersion: Sendable {
  /// Which version it is.
  public let id: VersionID
  private let source: any PredictorSource
  private let idle: Mutex<[Parked]>

  /// A predictor nobody uses.
  ///
  /// Safe to send: it is reachable only through the list behind the lock, and whoever takes it from
  /// there is its only owner.
  private struct Parked: @unchecked Sendable {
    let predictor: any Predictor
  }

  /// Loads a version with `warm` predictors, one for each worker there will be.
  /// - Throws: ``ServingError`` with the code `noSession`.
  public init(
    _ id: VersionID, source: any PredictorSource, warm: Int
  ) throws(ServingError) {
    self.id = id
    self.source = source
    var parked: [Parked] = []
    for _ in 0..<max(0, warm) { parked.append(Parked(predictor: try source.makePredictor())) }
    idle = Mutex(parked)
  }

  /// A predictor for one worker: a warm one, or when there are more workers than were foreseen, a
  /// new one.
  /// - Throws: ``ServingError`` with the code `noSession`.
  func take() throws(ServingError) -> any Predictor {
    if let parked = idle.withLock({ $0.popLast() }) { return parked.predictor }
    return try source.makePredictor()
  }

  /// Whether a session of its own answers any of some rows; a probe, off the request path.
  ///
  /// False too when there is no session to be had, or it cannot take the rows' columns.
  public func answersAny(of rows: [RecordedRow]) -> Bool {
    guard let schema = rows.first?.schema, let predictor = try? source.makePredictor() else {
      return false
    }
    let buffer = RowBuffer(schema)
    guard (try? predictor.attach(to: buffer)) != nil else { return false }
    return rows.contains { row in
      row.schema == schema && row.fill(buffer) { predictor.predict().succeeded }
    }
  }

  /// A new predictor outside of the warm ones, for one owner that keeps it.
  /// - Throws: ``ServingError`` with the code `noSession`.
  func makeOwn() throws(ServingError) -> any Predictor { try source.makePredictor() }

  /// Gets a predictor back for the next worker.
  func giveBack(_ predictor: any Predictor) {
    let parked = Parked(predictor: predictor)
    idle.withLock { $0.append(parked) }
  }

  /// How many predictors nobody uses now.
  public var idlePredictors: Int { idle.withLock { $0.count } }
}
