import Synchronization

/// A true label that has become known.
public struct LabelArrival: Sendable, Equatable {
  /// The request it belongs to.
  public var requestID: UInt64
  /// The true class number.
  public var label: Int64
  /// When it came, monotonic nanoseconds.
  public var timeNanoseconds: Int64

  /// Puts the three together.
  public init(requestID: UInt64, label: Int64, timeNanoseconds: Int64) {
    self.requestID = requestID
    self.label = label
    self.timeNanoseconds = timeNanoseconds
  }
}

/// Late labels on their way to the analyst, bounded; any thread may add.
///
/// The analyst takes the labels *first*, then drains the taps, then applies the labels: a label's
/// request is then always in the prediction log before it.
public final class LabelQueue: Sendable {
  private struct State {
    var waiting: [LabelArrival] = []
    var dropped = 0
  }
  private let state: Mutex<State>
  /// How many labels can wait.
  public let capacity: Int

  /// An empty queue.
  public init(capacity: Int = 65_536) {
    self.capacity = capacity
    state = Mutex(State())
  }

  /// Adds a label; when the queue is full it is dropped and counted.
  public func add(_ label: LabelArrival) {
    state.withLock { state in
      if state.waiting.count < capacity {
        state.waiting.append(label)
      } else {
        state.dropped += 1
      }
    }
  }

  /// Takes all that wait, oldest first.
  public func takeAll() -> [LabelArrival] {
    state.withLock { state in
      let all = state.waiting
      state.waiting = []
      return all
    }
  }

  /// Labels lost because the analyst was behind.
  public var dropped: Int { state.withLock { $0.dropped } }
}
