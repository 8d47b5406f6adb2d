import CAllocations
import Control
import Core
import Telemetry
import Testing

@testable import Node

@Suite("What evidence costs", .enabled(if: sluice_counts_allocations() != 0))
struct EvidenceCostTests {
  @Test("an answer is judged in every metric without allocating")
  func answers() throws {
    let page = try JudgeBench.makePage()
    let rollout = try #require(page.running)
    let label = TextKey(decimal: 1)
    func take(_ count: Int) {
      for index in 0..<count {
        _ = page.take(
          DrawnAnswer(
            route: 1, version: index % 2 == 0 ? rollout.candidate : rollout.fallback,
            failed: index % 50 == 0, latencyMicroseconds: index % 300, key: nil, label: label,
            score: 0.5))
      }
    }
    take(1_000)
    let before = sluice_allocations()
    take(1_000)
    #expect(sluice_allocations() == before)
  }
}
