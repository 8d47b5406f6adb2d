import Core
import Glibc
import Synchronization
import Testing

@testable import Node

/// Set on one thread, seen on others.
private final class Flag: Sendable {
  private let raised = Atomic<Bool>(false)
  func raise() { raised.store(true, ordering: .relaxed) }
  var isRaised: Bool { raised.load(ordering: .relaxed) }
}

/// Runs that are interrupted and continued give the same bytes as those that are not.
@Suite struct ResumeBatchTests {
  private let inputs: [TensorSpec] = [.number("a"), .text("t")]
  private let folder: BatchFolder
  private let rows: String

  init() throws {
    folder = try BatchFolder()
    var text = "t,a\n"
    for row in 0..<20_000 { text += row % 97 == 5 ? "x,bad\n" : "\"r\n,\(row)\",\(row).5\n" }
    rows = try folder.write("rows.csv", text)
  }

  private func options(_ format: AnswerFormat = .csv) -> BatchOptions {
    BatchOptions(
      inputPath: rows, format: format, onBadRow: .null, rowsPerBatch: 64, threads: 2)
  }

  @discardableResult
  private func run(
    _ name: String, resume: Bool, model: BatchDouble? = nil, options: BatchOptions? = nil,
    stopAfter pieces: Int = .max, notes: ((BatchEvent) -> Void)? = nil
  ) throws -> BatchReport {
    var seen = 0
    let flag = Flag()
    let target = BatchTarget.file(path: "\(folder.path)/\(name)", resume: resume)
    return try BatchPredict(
      model ?? BatchDouble(inputs), options ?? self.options(), to: target
    ) { event in
      notes?(event)
      guard case .progress = event else { return }
      seen += 1
      if seen >= pieces { flag.raise() }
    }.run { flag.isRaised }
  }

  @Test func aStoppedRunIsContinuedToTheSameBytes() throws {
    try run("whole", resume: false)
    let whole = try folder.read("whole")
    for pieces in [1, 2, 3, 5] {
      let name = "out\(pieces)"
      let stopped = try run(name, resume: false, stopAfter: pieces)
      #expect(!stopped.isComplete && stopped.isResumable && stopped.rows < 20_000)
      #expect(!folder.names.contains(name) && folder.names.contains("\(name).partial"))
      // What a kill leaves behind the last mark: answers that nothing vouches for, a cut line.
      try append("garbage", "\(name).partial")
      try append("0123456789ab {\"rows\"", "\(name).partial.record")
      let last = try run(name, resume: true)
      #expect(last.isComplete && last.continuedRows == stopped.rows && last.rows == 20_000)
      #expect(last.bad == 207 && last.answered == 20_000 - 207)
      #expect(try folder.read(name) == whole)
      #expect(!folder.names.contains { $0.hasPrefix("\(name).partial") })
    }
  }

  @Test func runsThatDifferAreNotContinued() throws {
    try run("out", resume: false, stopAfter: 2)
    func complaint(_ model: BatchDouble? = nil, _ options: BatchOptions? = nil) -> String {
      do {
        try run("out", resume: true, model: model, options: options)
        return ""
      } catch {
        return (error as? any Failure)?.message ?? ""
      }
    }
    #expect(complaint(BatchDouble(inputs, digest: "other")).contains("with another model"))
    #expect(complaint(nil, options(.jsonl)).contains("--format csv"))
    var batch = options()
    batch.rowsPerBatch = 65
    #expect(complaint(nil, batch).contains("--batch 64"))
    batch = options()
    batch.onBadRow = .skip
    #expect(complaint(nil, batch).contains("--bad-rows null"))
    try append("x,1\n", "rows.csv")
    #expect(complaint().contains("bytes then and has"))
    #expect(folder.names.contains("out.partial"))
  }

  @Test func runsOnOtherEnginesOrExplainedOtherwiseAreNotContinued() throws {
    var first = options()
    first.explain = 1
    first.background = try folder.write("background.csv", "t,a\nx,1\n")
    let model = BatchDouble(inputs, explains: true)
    try run("out", resume: false, model: model, options: first, stopAfter: 2)
    func complaint(_ model: BatchDouble, _ options: BatchOptions) -> String {
      do {
        try run("out", resume: true, model: model, options: options, stopAfter: 1)
        return ""
      } catch {
        return (error as? any Failure)?.message ?? ""
      }
    }
    let other = BatchDouble(inputs, explains: true, backend: .onnxruntime)
    #expect(complaint(other, first).contains("on the back end native"))
    var options = first
    options.background = try folder.write("other.csv", "t,a\nx,2\n")
    #expect(complaint(model, options).contains("with other rows as --background"))
    options.background = nil
    #expect(complaint(model, options).contains("with other rows as --background"))
    #expect(complaint(model, first) == "")
  }

  @Test func aPartThatWasCutIsRefused() throws {
    try run("out", resume: false, stopAfter: 3)
    #expect(truncate("\(folder.path)/out.partial", 100) == 0)
    #expect(throws: NodeError.self) { try run("out", resume: true) }
  }

  @Test func nothingToContinueBeginsAnew() throws {
    var notes: [String] = []
    let report = try run("out", resume: true) { event in
      if case .note(let sentence) = event { notes.append(sentence) }
    }
    #expect(report.isComplete && report.continuedRows == 0)
    #expect(notes == ["there is nothing to continue: the run begins anew"])
  }

  @Test func aRunThatFailsOfItsInputLeavesNothing() throws {
    try folder.write("out", "before")
    var strict = options()
    strict.onBadRow = .fail
    let names = folder.names
    #expect(throws: NodeError.self) { try run("out", resume: false, options: strict) }
    #expect(folder.names == names)
    #expect(try folder.text("out") == "before")
  }

  @Test func twoRunsDoNotWriteOneFile() throws {
    let path = "\(folder.path)/out"
    let first = try BatchPredict(
      BatchDouble(inputs), options(), to: .file(path: path, resume: false)
    ) { _ in }
    #expect(throws: NodeError.self) { try run("out", resume: false) }
    #expect(try first.run().isComplete)
  }

  private func append(_ text: String, _ name: String) throws {
    try folder.write(name, try folder.read(name) + Array(text.utf8))
  }
}
