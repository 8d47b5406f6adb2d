import Core
import Glibc
import Synchronization
import Testing

@testable import Serving
@testable import Telemetry

/// Runs `body` on its own thread.
func onThread(_ body: @escaping @Sendable () -> Void) throws -> ServingThread {
  try ServingThread(body)
}

@Suite struct FenceGateTests {
  /// A gate with the two steps the wrong way round: reads what is closed, then takes the ticket.
  private final class WrongGate: Sendable {
    let tickets = Atomic<Int>(0)
    let closed = Atomic<Bool>(false)

    func enter() -> (ticket: Int, isClosed: Bool) {
      let isClosed = closed.load(ordering: .sequentiallyConsistent)
      return (tickets.wrappingAdd(1, ordering: .sequentiallyConsistent).oldValue, isClosed)
    }
    func close() -> Int {
      closed.store(true, ordering: .sequentiallyConsistent)
      return tickets.wrappingAdd(1, ordering: .sequentiallyConsistent).oldValue
    }
  }

  /// One fence, while a thread goes through the gate all the time; true when somebody with a later
  /// ticket found it open.
  private func isBroken(
    _ enter: @escaping @Sendable () -> (ticket: Int, isClosed: Bool), close: () -> Int
  ) throws -> Bool {
    let lastOpen = Atomic<Int>(-1)
    let isRunning = Atomic<Bool>(false)
    let shared = Shared(lastOpen: lastOpen, isRunning: isRunning)
    let thread = try onThread {
      shared.isRunning.store(true, ordering: .releasing)
      while true {
        let pass = enter()
        if pass.isClosed { return }
        shared.lastOpen.store(pass.ticket, ordering: .releasing)
      }
    }
    while !shared.isRunning.load(ordering: .acquiring) {}
    let fence = close()
    thread.join()
    return shared.lastOpen.load(ordering: .acquiring) > fence
  }

  private final class Shared: Sendable {
    let lastOpen: Atomic<Int>
    let isRunning: Atomic<Bool>
    init(lastOpen: consuming Atomic<Int>, isRunning: consuming Atomic<Bool>) {
      self.lastOpen = lastOpen
      self.isRunning = isRunning
    }
  }

  @Test func nobodyPassesAfterTheFencesTicket() throws {
    let gate = FenceGate()
    for _ in 0..<300 {
      gate.open(5)
      let broken = try isBroken(
        {
          let pass = gate.enter()
          return (pass.ticket, pass.closed & 1 << 5 != 0)
        }, close: { gate.close(5) })
      #expect(!broken)
    }
  }

  /// The same check must find the fault in a gate that has it; otherwise it proves nothing.
  @Test func theCheckFindsAGateWithTheStepsReversed() throws {
    var broken = 0
    for _ in 0..<20_000 where broken == 0 {
      let gate = WrongGate()
      broken += try isBroken({ gate.enter() }, close: { gate.close() }) ? 1 : 0
    }
    #expect(broken > 0)
  }

  @Test func slotsAreIndependent() {
    let gate = FenceGate()
    gate.close(0)
    gate.close(63)
    #expect(gate.enter().closed == UInt64(1) | UInt64(1) << 63)
    gate.open(0)
    #expect(gate.enter().closed == UInt64(1) << 63)
    #expect(gate.isClosed(63) && !gate.isClosed(0))
    #expect(gate.ticketsTaken == 4)
  }
}

@Suite struct FenceUnderLoadTests {
  /// Two workers send all the time while versions are fenced, taken off, put back and opened again;
  /// then every record is held against the intervals in which its version was closed.
  @Test func noRequestRunsOnAClosedVersion() throws {
    let (endpoint, loaded, table) = try Fixture.serving(
      try Fixture.split([1: 5_000, 2: 5_000]), standby: [3])
    let stop = StopFlag()
    let threads = try (0..<2).map { number in
      try onThread {
        let worker = endpoint.makeWorker(seed: UInt64(number), tapCapacity: 2)
        var mine: [(ticket: UInt64, answeredBy: UInt16, outcome: Outcome)] = []
        var id: UInt64 = 0
        while !stop.isSet, mine.count < 2_000_000 {
          id += 1
          let answer = worker.send(nil, id: id)
          worker.taps.drain { record, _ in
            mine.append((record.ticket, record.answeredBy, record.outcome))
          }
          if answer.outcome != .answered { break }
        }
        stop.all.withLock { $0 += mine }
      }
    }
    // The intervals of tickets in which version 2 was closed: from the fence's ticket to the one
    // taken just before it was opened.
    var closed: [ClosedRange<UInt64>] = []
    let two = try Fixture.version(2)
    let away = try table.changed(
      to: Split(all: try Fixture.version(1)), stable: try Fixture.version(1))
    for round in 0..<600 {
      let fence = UInt64(endpoint.fence(two, target: round % 2 == 0 ? nil : try Fixture.version(3)))
      #expect(endpoint.isFenced(two))
      if round % 3 != 0 {
        try endpoint.publish(away, loaded: loaded, generation: 2 * round)
        try endpoint.publish(table, loaded: loaded, generation: 2 * round + 1)
      }
      // Stays closed until requests have come (publications and this test take a few tickets too).
      var yields = 0
      while endpoint.gate.ticketsTaken < Int(fence) + 20, yields < 10_000 {
        sched_yield()
        yields += 1
      }
      closed.append(fence...UInt64(endpoint.gate.enter().ticket))
      endpoint.unfence(two)
    }
    stop.set()
    for thread in threads { thread.join() }
    let tag = try #require(endpoint.tag(of: two))
    let records = stop.all.withLock { $0 }
    #expect(records.count > 1_000)
    #expect(records.allSatisfy { $0.outcome == .answered })
    #expect(records.contains { $0.answeredBy == tag })
    // The intervals follow each other, so one pass over the sorted tickets finds every offender.
    var late = 0
    var interval = 0
    for ticket in records.filter({ $0.answeredBy == tag }).map(\.ticket).sorted() {
      while interval < closed.count, closed[interval].upperBound < ticket { interval += 1 }
      if interval < closed.count, closed[interval].contains(ticket) { late += 1 }
    }
    #expect(late == 0)
    // The test says something only if requests came while the version was closed.
    var filled = 0
    interval = 0
    var lastFilled = -1
    for ticket in records.map(\.ticket).sorted() {
      while interval < closed.count, closed[interval].upperBound < ticket { interval += 1 }
      guard interval < closed.count else { break }
      if closed[interval].contains(ticket), interval != lastFilled {
        filled += 1
        lastFilled = interval
      }
    }
    #expect(filled > 450)
  }

  final class StopFlag: Sendable {
    private let flag = Atomic<Bool>(false)
    let all = Mutex<[(ticket: UInt64, answeredBy: UInt16, outcome: Outcome)]>([])
    var isSet: Bool { flag.load(ordering: .acquiring) }
    func set() { flag.store(true, ordering: .releasing) }
  }
}
