import Core
import Glibc

/// How far a run has come, at the end of a piece of its input.
struct BatchCheckpoint: Sendable, Equatable, Codable {
  /// The place of the next record in the input.
  var offset = 0
  /// Lines, or rows of an array, before it.
  var places = 0
  /// Rows before it, those with an answer, and those that were no good.
  var rows = 0
  var answered = 0
  var bad = 0
  /// Bytes of answers for them.
  var outputBytes = 0
  /// How wide each output is.
  var widths: [Int] = []
  /// Names in the input that the model does not take (JSON lines).
  var ignored: [String] = []

  enum CodingKeys: String, CodingKey {
    case offset, places, rows, answered, bad, widths, ignored
    case outputBytes = "output_bytes"
  }
}

/// Where answers go, one piece after another.
protocol AnswerTarget: AnyObject {
  /// How far the run came that is continued; nil when it begins anew.
  var begun: BatchCheckpoint? { get }
  /// Adds answers.
  func write(_ bytes: UnsafeBufferPointer<UInt8>) throws
  /// Tells that everything written belongs to the rows before `checkpoint`.
  func mark(_ checkpoint: BatchCheckpoint) throws
  /// All rows have their answers.
  func finish() throws
  /// Somebody stopped the run.
  /// - Returns: whether it can be continued.
  func suspend(_ checkpoint: BatchCheckpoint?) throws -> Bool
  /// The run failed.
  /// - Returns: the error to tell, which may say more.
  func giveUp(after error: any Error) -> any Error
}

/// A stream: what was written is gone.
final class StreamTarget: AnswerTarget {
  let begun: BatchCheckpoint? = nil
  private let sink: ByteSink

  init(_ sink: ByteSink) { self.sink = sink }

  /// Every piece goes on at once: somebody may be waiting for it before sending more.
  func write(_ bytes: UnsafeBufferPointer<UInt8>) throws {
    try sink.write(bytes)
    try sink.flush()
  }
  func mark(_ checkpoint: BatchCheckpoint) {}
  func finish() throws { try sink.flush() }
  func suspend(_ checkpoint: BatchCheckpoint?) throws -> Bool {
    try sink.flush()
    return false
  }
  func giveUp(after error: any Error) -> any Error {
    try? sink.flush()
    return error
  }
}
