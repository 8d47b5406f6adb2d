import Core
import Inference
import Storage

/// How answers are explained.
struct Explanation {
  /// A file of rows to explain against; nil goes by what the model's file tells of its training.
  let background: String?
}

/// A compiled model for batches.
final class CompiledBatchModel: BatchModel {
  let signature: Signature
  let digest: String
  var columnNames: [String]? { model.columnNames }
  /// What runs it.
  var backend: Backend { model.backend }
  /// What the operator should know of the model; empty for a native one.
  var notes: [String] { model.notes }

  private let model: CompiledModel
  /// The model read for explanations; nil when none are wanted.
  private let explained: ExplainedModel?
  private let background: String?

  /// What the elements of each output mean, as a ZipMap names them.
  var elementNames: [[String]?] {
    model.outputKeys.map { keys in
      keys.map { keys in (0..<keys.count).map { keys.text($0) } }
    }
  }

  /// - Parameter explanation: whether answers are to be explained, and against which rows.
  /// - Throws: ``InferenceError`` when the model cannot be explained.
  init(
    _ model: CompiledModel, file: [UInt8], explanation: Explanation?
  ) throws(InferenceError) {
    self.model = model
    explained = explanation == nil ? nil : try ExplainedModel.load(file)
    background = explanation?.background
    digest = Digest(ofBytes: file).description
    signature = model.signature
  }

  /// Reads and compiles the model's file.
  /// - Throws: a ``Failure``: no such file or artifact, damaged, or no model that can be run.
  static func open(
    _ source: BatchSource, backend: Backend? = nil, explanation: Explanation? = nil
  ) throws -> CompiledBatchModel {
    let (model, bytes) = try compile(source, backend: backend)
    return try CompiledBatchModel(model, file: bytes, explanation: explanation)
  }

  /// Reads and compiles the model's file.
  /// - Returns: the model, and the file's bytes.
  /// - Throws: as ``open(_:backend:explanation:)``.
  static func compile(
    _ source: BatchSource, backend: Backend? = nil
  ) throws -> (CompiledModel, [UInt8]) {
    let bytes: [UInt8]
    let limitBytes = ModelLimits.standard.fileBytesMax
    switch source {
    case .file(let path): bytes = try TextFile.read(path, limitBytes: limitBytes)
    case .stored(let digest, let directory):
      let state = try StateDirectory(directory, create: false)
      bytes = try ArtifactStore(state).read(digest, limitBytes: limitBytes)
    }
    do throws(InferenceError) {
      return (try CompiledModel.load(bytes, backend: backend), bytes)
    } catch {
      // That a back end is not there is no fault of the file.
      guard case .file(let path) = source, error.code != .backend else { throw error }
      throw NodeError(.badInput, "\(printable(path)): \(error.message)")
    }
  }

  func makeAnswerer(maxRows: Int) throws -> any RowAnswerer {
    CompiledAnswerer(
      model.makeSession(maxRows: maxRows), widths: try RowLayout(signature).inputs.map(\.width))
  }

  /// The one place where explanations are connected to the engine; nil says that it has none for
  /// this model.
  func makeExplainer(maxRows: Int) throws -> (any RowExplainer)? {
    guard let explained else { return nil }
    return try EngineExplainer(
      explained, columnNames: columnNames, background: background, maxRows: maxRows)
  }
}

/// One worker's session.
private final class CompiledAnswerer: RowAnswerer {
  private let session: Session
  /// Elements a row of each input.
  private let widths: [Int]
  private let outputs: [TensorSpec]

  init(_ session: Session, widths: [Int]) {
    self.session = session
    self.widths = widths
    outputs = session.model.signature.outputs
  }

  func answer(_ columns: [ColumnPointer], rows: Int) throws -> [BatchOutput] {
    for (index, column) in columns.enumerated() {
      try session.bind(input: index, to: column, elements: rows * widths[index])
    }
    try session.run(rows: rows)
    return try outputs.indices.map { try output($0, rows: rows) }
  }

  private func output(_ index: Int, rows: Int) throws -> BatchOutput {
    let shape = session.shape(output: index)
    guard shape.first == rows else {
      throw NodeError(
        .badInput,
        "the model's output \"\(printable(outputs[index].name))\" has the shape \(shape) "
          + "for \(rows) rows: it is not one answer a row")
    }
    let width = shape.dropFirst().reduce(1, *)
    return BatchOutput(values: try values(index), width: width)
  }

  private func values(_ index: Int) throws -> ColumnPointer {
    func pointer<T>(_ values: UnsafeBufferPointer<T>) throws -> UnsafePointer<T> {
      guard let base = values.baseAddress else {
        throw NodeError(.system, "the model's output \(index) has no memory")
      }
      return base
    }
    switch session.elementType(output: index) {
    case .float32: return .float32(try pointer(session.floats(output: index)))
    case .float64: return .float64(try pointer(session.doubles(output: index)))
    case .int64: return .int64(try pointer(session.int64s(output: index)))
    case .int32: return .int32(try pointer(session.int32s(output: index)))
    case .bool: return .bool(try pointer(session.bools(output: index)))
    case .text: return .text(try pointer(session.texts(output: index)))
    case let other:
      throw NodeError(
        .badInput,
        "the model's output \"\(printable(outputs[index].name))\" is \(other.rawValue), "
          + "which cannot be written as text")
    }
  }
}

extension RowLayout {
  /// The layout of a compiled model's rows, with the names its file has for their columns.
  /// - Throws: ``NodeError`` when rows cannot be given to such a model.
  init(_ model: CompiledModel) throws(NodeError) {
    try self.init(model.signature, columnNames: model.columnNames)
  }
}
