import Core

/// What a model is made of, for cards and screens.
public struct ModelSummary: Sendable, Equatable {
  /// How often each operator occurs in the file; `domain.Name` outside the default domain.
  public let operators: [String: Int]
  /// The number of nodes in the file.
  public let nodeCount: Int
  /// The number of steps the compiled plan takes after folding and fusing; 1 with ONNX Runtime.
  public let stepCount: Int
  /// The number of learnt numbers: elements of constants and of float list attributes.
  public let parameterCount: Int
  /// The size of the file in bytes.
  public let fileBytes: Int
  /// Versions of the operator sets by domain; `ai.onnx` is the default one.
  public let opsets: [String: Int]
  /// The version of ONNX's file format.
  public let irVersion: Int
  /// The program that wrote the file, with its version.
  public let producer: String
}

/// A model ready to run: immutable, shared by any number of sessions on any threads.
public final class CompiledModel: Sendable {
  /// The inputs and outputs.
  public let signature: Signature
  /// What the file holds.
  public let summary: ModelSummary
  /// What runs it.
  public let backend: Backend
  /// What somebody who brings this file should know.
  ///
  /// Why another engine runs it, which outputs are left out: sentences without a full stop.
  public let notes: [String]

  /// For each output its keys, when the model gives it as dictionaries (ZipMap): a table of
  /// floats with a column for each key; `nil` for a plain tensor.
  public let outputKeys: [DictionaryKeys?]
  /// The positions of inputs `x.keys` that were, with `x.values` after them, one dictionary `x` in
  /// the file.
  public let dictionaryInputs: Set<Int>
  /// For each output of the file `nil`, or the length of the sequence of tensors that it is: `y`
  /// is then several of ``signature``'s outputs, `y.0`, `y.1` and on.
  public let outputLengths: [Int?]

  /// The names of the columns of the one input, where the file tells.
  ///
  /// They are the features of XGBoost and LightGBM; each is different and none is empty.
  public let columnNames: [String]?

  let plan: Plan
  let inputShapes: [[Int?]?]

  init(
    signature: Signature, summary: ModelSummary, plan: Plan, inputShapes: [[Int?]?],
    outputKeys: [DictionaryKeys?]? = nil, dictionaryInputs: Set<Int> = [],
    outputLengths: [Int?]? = nil, backend: Backend = .native, notes: [String] = [],
    columnNames: [String]? = nil
  ) {
    // Plain tensors unless something else is said.
    self.outputLengths = outputLengths ?? signature.outputs.map { _ in nil }
    self.dictionaryInputs = dictionaryInputs
    self.outputKeys = outputKeys ?? signature.outputs.map { _ in nil }
    self.signature = signature
    self.summary = summary
    self.plan = plan
    self.inputShapes = inputShapes
    self.backend = backend
    self.notes = notes
    self.columnNames = columnNames
  }

  /// The same model with one more note after the first.
  func noting(_ note: String) -> CompiledModel {
    CompiledModel(
      signature: signature, summary: summary, plan: plan, inputShapes: inputShapes,
      outputKeys: outputKeys, dictionaryInputs: dictionaryInputs, outputLengths: outputLengths,
      backend: backend, notes: notes.prefix(1) + [note] + notes.dropFirst(),
      columnNames: columnNames)
  }

  /// Reads, checks and compiles the bytes of an ONNX file for this program's own engine.
  ///
  /// Safe on hostile bytes: everything is bounded by `limits` and by the file's own size.
  /// - Throws: ``InferenceError`` that names the operator, node or input concerned.
  public static func compile(
    onnx: [UInt8], limits: ModelLimits = .standard
  ) throws(InferenceError) -> CompiledModel {
    try Compiler.compile(onnx, limits: limits, fuses: true)
  }

  /// A session for up to `maxRows` rows a request, with its memory taken.
  ///
  /// One session serves one thread at a time; sessions share nothing that changes.
  /// - Precondition: `maxRows` is at least 1.
  public func makeSession(maxRows: Int) -> Session { Session(self, maxRows: maxRows) }
}
