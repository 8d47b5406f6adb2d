import FoundationEssentials
import Glibc
import Testing

/// Of the release build: a debug build allocates for iterators.
@Suite("What judging costs", .enabled(if: Executable.built != Executable.sluice))
struct JudgeCostTests {
  private struct Report: Decodable {
    struct Figure: Decodable {
      let name: String
      let events: Int
    }
    let figures: [Figure]
  }

  @Test("an answer is judged without an allocation")
  func allocations() throws {
    let counter = Executable.sluice.dropLast("sluice".count) + "libAllocationTotal.so"
    #expect(access(String(counter), R_OK) == 0, "\(counter) is not built")
    let run = try Executable.run(
      Executable.built, ["bench", "judge", "--json"], environment: ["LD_PRELOAD": String(counter)])
    #expect(run.exitCode == 0, "\(run.errors)")
    let report = try JSONDecoder().decode(Report.self, from: Data(run.output.utf8))
    let collector = try #require(report.figures.first { $0.name.hasPrefix("collector") })
    let told = try #require(run.errors.split(separator: "\n").last { $0.hasPrefix("allocations ") })
    let count = try #require(told.split(separator: " ").last.flatMap { Int($0) })
    // Ten rounds of answers with five metrics each. The looks of the guard, which may allocate, and
    // all else take less than one for each answer.
    #expect(count > 0 && count < collector.events / 5 * 10, "\(count) allocations")
  }
}
