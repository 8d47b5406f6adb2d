import Control
import Core
import Telemetry
import Testing

@testable import Node
@testable import sluice

@Suite struct VerdictTextTests {
  private func view(answers: Int) throws -> VerdictView {
    let page = try JudgeBench.makePage()
    let rollout = try #require(page.running)
    var random = SplitMix64(seed: 9)
    for _ in 0..<answers {
      let bits = random.next()
      _ = page.take(
        DrawnAnswer(
          route: 1, version: bits & 1 == 0 ? rollout.candidate : rollout.fallback,
          failed: bits & 0x7E == 0, latencyMicroseconds: Int(bits >> 8 & 0xFF), key: nil,
          label: TextKey(decimal: Int64(bits >> 16 & 1)), score: Float(bits >> 40) / 16_777_216))
    }
    return VerdictView(rollout, try #require(page.evidence), endpoint: try Name("flight-delay"))
  }

  @Test(arguments: [0, 10, 20_000])
  func itFitsOneScreenWithEveryMetricJudged(answers: Int) throws {
    let view = try view(answers: answers)
    #expect(view.metrics.count == Metric.allCases.count)
    let lines = VerdictCommand.text(of: view).split(
      separator: "\n", omittingEmptySubsequences: false)
    #expect(lines.count <= 24 && lines.last == "")
    for line in lines { #expect(line.count <= 80, "\(line)") }
  }

  @Test func itTellsCountsIntervalsAndLines() throws {
    let text = VerdictCommand.text(of: try view(answers: 20_000))
    #expect(text.hasPrefix("flight-delay: bench@2 against bench@1, rollout 1 by bench\n"))
    #expect(text.contains("shares as drawn: "))
    #expect(text.contains("failed answers: no sign of harm, E "))
    #expect(text.contains("; holds at 140, rolls back at 700"))
    #expect(text.contains("wrong answers: not seen yet"))
    #expect(text.contains("tolerated 1.25"))
  }
}
