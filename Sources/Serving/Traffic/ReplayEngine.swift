import Core

/// Where a replay's requests and labels go.
protocol ReplayTarget: AnyObject {
  /// Sends one row; `key` holds `keyCount` bytes and lives during the call only.
  func send(
    row: Int, key: UnsafePointer<UInt8>, keyCount: Int, requestID: UInt64, intended: Int64)
  /// A label has become known.
  func label(requestID: UInt64, label: Int64, now: Int64)
}

/// The replay without thread and clock: what is due at a given moment, and when to look again.
///
/// Open loop: a request is due at its own time whatever became of those before, and a late one is
/// still sent, marked with the time it was meant for. Only a backlog of more than two seconds (a
/// suspended machine) is given up, and counted.
struct ReplayEngine {
  /// At most so many requests are sent, and labels delivered, before the caller can act.
  static let burstMax = 512
  /// A longer backlog is given up.
  static let backlogNanosecondsMax: Int64 = 2_000_000_000
  /// The most labels on their way.
  static let labelsMax = 1 << 18

  private let table: TrafficTable
  private let idBase: UInt64
  private var order: ReplayOrder
  private var labels: LabelHeap
  private var nextSend: Int64
  private var intervalNanoseconds: Int64
  private var key: [UInt8] = [UInt8](repeating: 0, count: 48)

  /// Requests sent.
  private(set) var sent = 0
  /// Requests given up with a backlog.
  private(set) var skipped = 0
  /// Labels delivered.
  private(set) var labelled = 0
  /// How many times faster than recorded labels come.
  var labelSpeed: Double

  var loop: Int { order.loop }
  var labelsDropped: Int { labels.dropped }
  var labelsWaiting: Int { labels.count }

  init(
    table: TrafficTable, order: ReplayOrder, start: Int64, requestsPerSecond: Double,
    labelSpeed: Double, idBase: UInt64
  ) {
    self.table = table
    self.order = order
    self.idBase = idBase
    self.labelSpeed = labelSpeed
    labels = LabelHeap(
      capacity: table.labels.isEmpty ? 0 : ReplayEngine.labelsMax)
    nextSend = start
    intervalNanoseconds = ReplayEngine.interval(requestsPerSecond)
  }

  /// Changes the rate; the next request is due one new interval after the last, or now.
  mutating func setRate(_ requestsPerSecond: Double, now: Int64) {
    let interval = ReplayEngine.interval(requestsPerSecond)
    guard interval != intervalNanoseconds else { return }
    nextSend = max(now, min(nextSend, now + interval))
    intervalNanoseconds = interval
  }

  /// Forgets the time in which nothing was to be sent.
  mutating func resume(now: Int64) { nextSend = now }

  /// Delivers and sends what is due.
  /// - Parameter isPaused: sends nothing; labels still come.
  /// - Returns: when something is due next; not after `now` when the burst was cut short.
  mutating func step(now: Int64, isPaused: Bool, target: any ReplayTarget) -> Int64 {
    var left = ReplayEngine.burstMax
    while left > 0, let entry = labels.take(dueBy: now) {
      target.label(requestID: entry.requestID, label: entry.label, now: now)
      labelled += 1
      left -= 1
    }
    let labelsDue = labels.nextDue ?? .max
    if isPaused { return labelsDue }
    if now - nextSend > ReplayEngine.backlogNanosecondsMax {
      let given = (now - nextSend) / intervalNanoseconds
      skipped += Int(given)
      nextSend += given * intervalNanoseconds
    }
    left = ReplayEngine.burstMax
    while left > 0, nextSend <= now {
      sendOne(target)
      nextSend += intervalNanoseconds
      left -= 1
    }
    return min(nextSend, labels.nextDue ?? .max)
  }

  private mutating func sendOne(_ target: any ReplayTarget) {
    let row = order.next()
    let id = idBase &+ UInt64(sent)
    let count = writeKey(row: row, loop: order.loop)
    let intended = nextSend
    key.withUnsafeBufferPointer { buffer in
      guard let base = buffer.baseAddress else { return }
      target.send(row: row, key: base, keyCount: count, requestID: id, intended: intended)
    }
    sent += 1
    guard !table.labels.isEmpty, table.labels[row] != TrafficTable.noLabel else { return }
    let minutes = table.labelDelayMinutes.isEmpty ? 0 : Double(table.labelDelayMinutes[row])
    let delay = min(minutes * 60e9 / labelSpeed, 1e18)
    labels.add(
      LabelHeap.Entry(
        due: intended + Int64(delay), requestID: id, label: table.labels[row]))
  }

  /// `ROW-LOOP` in decimal: one key a request, and one a person can type.
  private mutating func writeKey(row: Int, loop: Int) -> Int {
    var count = 0
    append(row, &count)
    key[count] = 0x2D
    count += 1
    append(loop, &count)
    return count
  }

  private mutating func append(_ number: Int, _ count: inout Int) {
    let start = count
    var rest = number
    repeat {
      key[count] = 0x30 + UInt8(rest % 10)
      count += 1
      rest /= 10
    } while rest > 0
    var i = start
    var j = count - 1
    while i < j {
      key.swapAt(i, j)
      i += 1
      j -= 1
    }
  }

  private static func interval(_ requestsPerSecond: Double) -> Int64 {
    Int64((1e9 / min(1e6, max(0.001, requestsPerSecond))).rounded())
  }
}
