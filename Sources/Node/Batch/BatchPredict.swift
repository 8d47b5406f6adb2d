import Core
import Glibc
import Inference

/// Inference over a file or stream of rows in constant memory: one line out for each row in, in
/// the same order, on all processors.
public final class BatchPredict {
  private let source: ByteSource
  private let job: BatchJob
  private let threads: Int
  private let target: any AnswerTarget
  private let tell: (BatchEvent) throws -> Void
  private var state = BatchCheckpoint()
  private var report = BatchReport()
  /// Gaps before the first answer, whose width nobody knows yet.
  private var gapsBefore = 0
  private var gap: [UInt8] = []
  private var told = 0

  /// The most values of all rows of a batch, so that wide rows do not take all memory.
  private static let valuesPerBatchMax = 8 << 20

  /// Opens the input, reads its header and finds where to begin.
  /// - Throws: ``NodeError`` when the input cannot be read or does not fit the model, or a run
  ///   that is to be continued is another one.
  init(
    _ model: any BatchModel, _ options: BatchOptions, to target: BatchTarget,
    tell: @escaping (BatchEvent) throws -> Void
  ) throws {
    self.tell = tell
    let layout = try RowLayout(model.signature, columnNames: model.columnNames)
    if let fixed = layout.fixedRows, fixed > 1 {
      throw NodeError(
        .badInput,
        "the model takes exactly \(fixed) rows at once; a file of rows needs a model "
          + "whose first dimension is free")
    }
    source = try ByteSource(path: options.inputPath)
    let head = try InputIdentity(source)
    let input = try RowInput.open(source, layout)
    let width = layout.inputs.reduce(0) { $0 + $1.width }
    let rowsPerBatch = min(
      layout.fixedRows ?? options.rowsPerBatch(on: .native),
      max(1, BatchPredict.valuesPerBatchMax / width))
    job = BatchJob(
      model: model, options: options, input: input, rowLayout: layout,
      answerLayout: AnswerLayout(
        model, options.format, explained: try BatchPredict.explained(model, options)),
      rowsPerBatch: rowsPerBatch)
    threads = options.threads ?? BatchPredict.processors
    switch target {
    case .stream(let sink): self.target = StreamTarget(sink)
    case .file(let path, let resume):
      let identity = try RunIdentity(
        input: head, model: model.digest, backend: model.backend, options,
        rowsPerBatch: rowsPerBatch)
      self.target = try AnswerFile.open(path, identity, resume: resume, tell: tell)
    }
    try goToBegin()
  }

  /// Goes to the first row that has no answer yet.
  private func goToBegin() throws(NodeError) {
    if let last = target.begun {
      state = last
      report.continuedRows = last.rows
      gap = job.answerLayout.gap(widths: last.widths)
      try source.seek(to: last.offset)
    } else if source.sizeBytes != nil {
      // Pieces are cut alike in every run, whatever was read of the header.
      try source.seek(to: job.input.firstOffset)
    }
  }

  /// How many features can be told of those asked for.
  private static func explained(_ model: any BatchModel, _ options: BatchOptions) throws -> Int? {
    guard let wanted = options.explain else { return nil }
    guard let explainer = try model.makeExplainer(maxRows: 1) else {
      throw NodeError(
        .badInput, "--explain: the answers of this model cannot be explained; leave it out")
    }
    return min(wanted, explainer.features.count)
  }

  /// Reads all rows and writes their answers.
  ///
  /// - Parameter shouldStop: asked again and again by other threads; true ends the run early, with
  ///   everything that was read answered.
  /// - Throws: ``NodeError``: a bad row under ``BadRowPolicy/fail`` (`badInput`), or the system
  ///   refused to read or write.
  func run(shouldStop: @escaping @Sendable () -> Bool = { false }) throws -> BatchReport {
    let start = BatchPredict.monotonicSeconds()
    do {
      try tell(.began(continuedRows: report.continuedRows))
      let toldColumns = !job.input.ignored.isEmpty
      if toldColumns { try tell(.ignoredColumns(job.input.ignored)) }
      let ending = try ChunkPipeline(job, threads: threads).run(
        source, threads: threads, shouldStop: shouldStop
      ) { slot, isLast in try take(slot, isLast) }
      try finish(ending)
      if !toldColumns, !state.ignored.isEmpty { try tell(.ignoredColumns(state.ignored)) }
    } catch {
      throw target.giveUp(after: error)
    }
    report.rows = state.rows
    report.answered = state.answered
    report.bad = state.bad
    report.ignoredColumns = job.input.ignored + state.ignored
    report.threads = threads
    report.seconds = BatchPredict.monotonicSeconds() - start
    report.rowsPerSecond =
      report.seconds > 1e-6 ? Double(state.rows - report.continuedRows) / report.seconds : 0
    return report
  }

  // MARK: Answers in order

  private func take(_ slot: ChunkPipeline.Slot, _ isLast: Bool) throws {
    let result = slot.result
    if let widths = result.widths { try begin(widths) }
    try write(slot.answers.bytes)
    guard isLast else { return }
    try writeGaps(result.openGaps)
    for note in result.notes where told < BatchOptions.toldRowsMax {
      told += 1
      try tell(.badRow(place: label(note.place), message: note.message))
    }
    if let row = result.fatalRow {
      throw NodeError(
        .badInput, "\(label(row.place)): \(row.message) (--bad-rows skip or null goes on)")
    }
    if let failure = result.failure { throw failure }
    state.rows += result.rows
    state.answered += result.answered
    state.bad += result.bad
    state.places += result.places
    state.offset = slot.chunk.endOffset
    for name in result.ignored where state.ignored.count < 20 && !state.ignored.contains(name) {
      state.ignored.append(name)
    }
    // Before the first answer there is nothing to continue from.
    if !gap.isEmpty { try target.mark(state) }
    try tell(
      .progress(rows: state.rows, bytes: slot.chunk.endOffset, ofBytes: source.sizeBytes))
  }

  private func label(_ place: Int) -> String {
    job.input.label(state.places + place, of: source.name)
  }

  private func begin(_ widths: [Int]) throws {
    guard gap.isEmpty else {
      guard state.widths == widths else { throw AnswerWriter.otherWidths }
      return
    }
    state.widths = widths
    gap = job.answerLayout.gap(widths: widths)
    try write(job.answerLayout.header(widths: widths))
    let waiting = gapsBefore
    gapsBefore = 0
    try writeGaps(waiting)
  }

  private func writeGaps(_ count: Int) throws {
    guard !gap.isEmpty else {
      gapsBefore += count
      return
    }
    for _ in 0..<count { try write(gap) }
  }

  private func write(_ bytes: [UInt8]) throws {
    try bytes.withUnsafeBufferPointer { try write($0) }
  }

  private func write(_ bytes: UnsafeBufferPointer<UInt8>) throws {
    guard bytes.count > 0 else { return }
    try target.write(bytes)
    state.outputBytes += bytes.count
  }

  private func finish(_ ending: ChunkPipeline.Ending) throws {
    switch ending {
    case .failed(let error): throw error
    case .tooLong:
      throw NodeError(
        .badInput,
        "\(label(0)): the row is longer than \(ByteSource.pendingMax >> 20) MiB"
          + (job.input.rule == .csv ? "; is a closing quote missing?" : ""))
    case .stopped:
      report.isComplete = false
      report.isResumable = try target.suspend(gap.isEmpty ? nil : state)
    case .complete:
      if gap.isEmpty { try begin(signatureWidths) }
      try target.finish()
    }
  }

  /// Widths of an input without a good row: those of the signature.
  private var signatureWidths: [Int] {
    job.model.signature.outputs.map { spec in
      spec.shape.dropFirst().reduce(1) { product, size in
        min(RowLayout.widthMax, product * max(1, min(RowLayout.widthMax, size ?? 1)))
      }
    }
  }

  /// Processors that this process may run on.
  private static var processors: Int {
    let online = max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN)))
    let status = (try? TextFile.read("/proc/self/status", limitBytes: 64 * 1_024)) ?? []
    for line in status.split(separator: 0x0A) where line.starts(with: "Cpus_allowed:".utf8) {
      let allowed = line.dropFirst("Cpus_allowed:".utf8.count).reduce(0) { count, byte in
        count + (Int(String(Unicode.Scalar(byte)), radix: 16)?.nonzeroBitCount ?? 0)
      }
      return min(256, max(1, min(online, allowed)))
    }
    return min(256, online)
  }

  static func monotonicSeconds() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
  }
}
