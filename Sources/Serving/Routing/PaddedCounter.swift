import Synchronization

/// An atomic integer with a cache line of its own, so that its writers do not slow the readers of
/// what lies beside it.
final class PaddedCounter: Sendable {
  private let before: (Int, Int, Int, Int, Int, Int) = (0, 0, 0, 0, 0, 0)
  let value = Atomic<Int>(0)
  private let after: (Int, Int, Int, Int, Int, Int, Int) = (0, 0, 0, 0, 0, 0, 0)
}
