import Core

/// Why a model could not be read, compiled or run.
///
/// The message names the node, operator or input concerned, and what was expected and got.
public struct InferenceError: Failure, Equatable {
  /// What kind of thing went wrong; for programs that want to tell cases apart.
  public enum Code: String, Sendable, CaseIterable {
    /// The bytes are a format that is not read: pickle, Keras, HDF5, CatBoost and so on.
    case notONNX
    /// The bytes break the ONNX or protobuf rules.
    case malformed
    /// A limit of ``ModelLimits`` would be passed.
    case limit
    /// The model wants bytes from another file.
    case externalData
    /// An operator, or a form of one, that this engine does not have.
    case unsupported
    /// The graph is not sound: cycles, missing or doubled names.
    case graph
    /// Element types or shapes do not fit together.
    case shape
    /// A caller's input or output use is wrong: unbound, wrong type, wrong count.
    case input
    /// The data cannot be computed with: an index out of range, a division by zero.
    case data
    /// ONNX Runtime was asked for, and is not there or cannot be used.
    case backend
  }

  /// The kind.
  public let code: Code
  /// One sentence, without a trailing full stop.
  public let message: String
  /// For ``Code/unsupported``: the operator's name, `domain.Name` outside the default domain.
  public let operatorName: String?

  /// ``ExitCode/usage``, since a model or input other than this would do; ``ExitCode/system`` when
  /// a back end is not there.
  public var exitCode: ExitCode { code == .backend ? .system : .usage }

  /// Puts the parts together.
  public init(_ code: Code, _ message: String, operatorName: String? = nil) {
    self.code = code
    self.message = message
    self.operatorName = operatorName
  }
}

/// A kernel's complaint, before the executor adds which node it was.
struct KernelFault: Error {
  let code: InferenceError.Code
  let message: String
  /// For a node inside a body: what was not supported there.
  let operatorName: String?
  /// Whether the kernel merely lacks the element type of an input.
  var isElementType = false

  init(_ code: InferenceError.Code, _ message: String, operatorName: String? = nil) {
    self.code = code
    self.message = message
    self.operatorName = operatorName
  }

  /// The complaint of a body, to be told by the node that holds it.
  init(_ error: InferenceError) {
    self.init(error.code, error.message, operatorName: error.operatorName)
  }
}
