import CAllocations
import Core
import Testing

@testable import Inference

/// The sample models over the sample traffic, against onnxruntime's recorded answers.
struct SampleModelTests {
  private static let folder = "\(Files.root)/samples/flight-delay"
  private static let rows = 2_000
  static let isPresent =
    Files.exists("\(folder)/models/flight-delay-4.onnx")
    && Files.exists("\(folder)/answers/flight-delay-4.npy")

  /// The columns of traffic.csv in the order of the models' inputs.
  private final class Traffic {
    static let texts = ["carrier", "origin", "destination", "weekday"]
    static let numbers = [
      "scheduled_hour", "distance", "temperature", "dew_point", "wind_speed", "wind_gust",
      "precipitation", "pressure", "visibility",
    ]
    let textColumns: [UnsafeMutablePointer<TextRef>]
    let numberColumns: [UnsafeMutablePointer<Float>]
    private var cells: [UnsafeMutablePointer<UInt8>] = []
    let count: Int

    init() throws {
      let file = try Files.read("\(SampleModelTests.folder)/traffic.csv")
      var lines = file.split(separator: UInt8(ascii: "\n")).prefix(SampleModelTests.rows + 1)
        .map { $0.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false) }
      let head = lines.removeFirst().map { String(decoding: $0, as: UTF8.self) }
      count = lines.count
      var texts: [UnsafeMutablePointer<TextRef>] = []
      for name in Traffic.texts {
        let column = try #require(head.firstIndex(of: name))
        let refs = UnsafeMutablePointer<TextRef>.allocate(capacity: count)
        for (row, line) in lines.enumerated() {
          let cell = Array(line[column])
          let bytes = UnsafeMutablePointer<UInt8>.allocate(capacity: max(cell.count, 1))
          bytes.initialize(from: cell, count: cell.count)
          cells.append(bytes)
          (refs + row).initialize(to: TextRef(bytes: UnsafePointer(bytes), count: cell.count))
        }
        texts.append(refs)
      }
      textColumns = texts
      var numbers: [UnsafeMutablePointer<Float>] = []
      for name in Traffic.numbers {
        let column = try #require(head.firstIndex(of: name))
        let floats = UnsafeMutablePointer<Float>.allocate(capacity: count)
        for (row, line) in lines.enumerated() {
          floats[row] = Float(String(decoding: line[column], as: UTF8.self)) ?? .nan
        }
        numbers.append(floats)
      }
      numberColumns = numbers
    }

    deinit {
      for cell in cells { cell.deallocate() }
      for column in textColumns { column.deallocate() }
      for column in numberColumns { column.deallocate() }
    }

    func bind(_ session: Session, row: Int, rows: Int) throws(InferenceError) {
      // Plain loops: an iterator is a heap object when the optimiser is off.
      var i = 0
      while i < textColumns.count {
        try session.bind(input: i, to: .text(textColumns[i] + row), elements: rows)
        i += 1
      }
      while i < textColumns.count + numberColumns.count {
        let column = numberColumns[i - textColumns.count]
        try session.bind(input: i, to: .float32(column + row), elements: rows)
        i += 1
      }
    }
  }

  private static func model(_ version: Int) throws -> CompiledModel {
    try CompiledModel.compile(onnx: try Files.read("\(folder)/models/flight-delay-\(version).onnx"))
  }

  @Test(.enabled(if: isPresent), arguments: 1...4)
  func agreesWithOnnxruntime(version: Int) throws {
    let traffic = try Traffic()
    let model = try SampleModelTests.model(version)
    #expect(model.signature.inputs.map(\.name) == Traffic.texts + Traffic.numbers)
    #expect(model.signature.outputs.map(\.elementType) == [.int64, .float32])
    let answers = try Files.read(
      "\(SampleModelTests.folder)/answers/flight-delay-\(version).npy")
    let one = model.makeSession(maxRows: 1)
    let many = model.makeSession(maxRows: 250)
    var worst: Float = 0
    var wrongLabels = 0
    for start in stride(from: 0, to: traffic.count, by: 250) {
      let rows = min(250, traffic.count - start)
      try traffic.bind(many, row: start, rows: rows)
      try many.run(rows: rows)
      #expect(!many.hasNonFiniteOutput)
      for i in 0..<rows {
        let row = start + i
        try traffic.bind(one, row: row, rows: 1)
        try one.run(rows: 1)
        let late = one.floats(output: 1)[1]
        // numpy's header has 128 bytes here.
        let answer = answers.withUnsafeBytes {
          $0.loadUnaligned(fromByteOffset: 128 + 4 * row, as: Float.self)
        }
        worst = max(worst, abs(late - answer))
        #expect(late.bitPattern == many.floats(output: 1)[2 * i + 1].bitPattern)
        if one.int64s(output: 0)[0] != (answer > 0.5 ? 1 : 0) { wrongLabels += 1 }
      }
    }
    #expect(worst <= 1e-5)
    #expect(wrongLabels == 0)
  }

  /// Binding and running 10,000 times takes no heap memory once the session is warm.
  @Test(.enabled(if: isPresent && sluice_counts_allocations() != 0), arguments: 1...4)
  func requestsAllocateNothing(version: Int) throws {
    let traffic = try Traffic()
    let session = try SampleModelTests.model(version).makeSession(maxRows: 1)
    func pass(_ count: Int) throws {
      for i in 0..<count {
        try traffic.bind(session, row: i % traffic.count, rows: 1)
        try session.run(rows: 1)
      }
    }
    try pass(10)
    // Making a session allocates: the counter must see that.
    #expect(sluice_allocations() > 0)
    let before = sluice_allocations()
    try pass(10_000)
    #expect(sluice_allocations() - before == 0)
  }
}
