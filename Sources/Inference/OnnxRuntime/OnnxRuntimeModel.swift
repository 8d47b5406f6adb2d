import COnnxRuntime
import Core

/// A model that ONNX Runtime holds.
///
/// `@unchecked Sendable`: nothing changes after `init`, and ONNX Runtime lets any number of threads
/// run one session at once.
final class OnnxRuntimeModel: @unchecked Sendable {
  /// An input or output, as ONNX Runtime tells it.
  struct Value {
    let name: String
    /// The name where ONNX Runtime's functions read it; lives as long as the model.
    let label: UnsafePointer<CChar>
    /// `nil` when it is no tensor.
    let elementType: Int?
    /// `nil` when it has more than 8 dimensions.
    ///
    /// One of unknown rank looks like a scalar.
    let shape: [Int?]?
  }

  let runtime: OnnxRuntime
  let handle: OpaquePointer
  let inputs: [Value]
  let outputs: [Value]

  /// Gives the file to ONNX Runtime.
  /// - Throws: ``InferenceError`` with what ONNX Runtime says of it.
  init(_ file: [UInt8], runtime: OnnxRuntime) throws(InferenceError) {
    var fault = sluice_ort_fault()
    guard let handle = sluice_ort_load(runtime.handle, file, file.count, &fault) else {
      throw OnnxRuntimeModel.refused(fault, runtime)
    }
    do throws(InferenceError) {
      inputs = try OnnxRuntimeModel.values(
        handle, sluice_ort_input_count(handle), sluice_ort_input_name, sluice_ort_input_type)
      outputs = try OnnxRuntimeModel.values(
        handle, sluice_ort_output_count(handle), sluice_ort_output_name, sluice_ort_output_type)
    } catch {
      sluice_ort_unload(handle)
      throw error
    }
    self.runtime = runtime
    self.handle = handle
  }

  deinit { sluice_ort_unload(handle) }

  private typealias NameReader = (OpaquePointer?, Int) -> UnsafePointer<CChar>?
  private typealias TypeReader = (
    OpaquePointer?, Int, UnsafeMutablePointer<sluice_ort_type>?,
    UnsafeMutablePointer<sluice_ort_fault>?
  ) -> Int32

  private static func values(
    _ handle: OpaquePointer, _ count: Int, _ name: NameReader, _ type: TypeReader
  ) throws(InferenceError) -> [Value] {
    var list: [Value] = []
    for index in 0..<count {
      var fault = sluice_ort_fault()
      var described = sluice_ort_type()
      guard let label = name(handle, index), type(handle, index, &described, &fault) == 0 else {
        throw InferenceError(
          .malformed, "ONNX Runtime cannot describe the model: \(faultText(fault))")
      }
      let rank = Int(described.rank)
      let shape: [Int?]? =
        rank > Shape.rankMax
        ? nil
        : withUnsafeBytes(of: &described.dims) { bytes in
          let dims = bytes.bindMemory(to: Int64.self)
          return (0..<rank).map { dims[$0] < 0 ? nil : Int(dims[$0]) }
        }
      list.append(
        Value(
          name: String(cString: label), label: label,
          elementType: described.kind == 1 ? Int(described.element_type) : nil, shape: shape))
    }
    return list
  }

  /// ONNX Runtime's error code for an operator without code, and what it says of operators and
  /// versions that it does not know.
  private static let notImplemented: Int32 = 9
  private static let unknownWords = [
    "is not a registered function/op", "No Op registered", "Unsupported model IR version",
    "is under development",
  ]

  private static func refused(
    _ fault: sluice_ort_fault, _ runtime: OnnxRuntime
  ) -> InferenceError {
    let text = faultText(fault)
    let isUnknown = fault.code == notImplemented || unknownWords.contains { text.contains($0) }
    return InferenceError(
      isUnknown ? .unsupported : .malformed,
      "ONNX Runtime \(runtime.version) refuses the model: \(text)",
      operatorName: isUnknown ? "ONNX Runtime \(runtime.version)" : nil)
  }
}

/// The one step of a plan that ONNX Runtime computes.
struct OnnxRuntimeKernel: Kernel {
  let model: OnnxRuntimeModel
  /// For each output of the plan, which of the model's it is.
  let outputs: [Int]

  var hasDataDependentShape: Bool { true }

  func run(_ io: NodeIO) throws(KernelFault) {
    let call = try OnnxRuntimeCall(io, model: model, outputs: outputs)
    defer { call.release() }
    try call.run()
    for index in outputs.indices { try call.copy(output: index, io) }
  }
}

/// One run: the descriptions of inputs and outputs, in the session's scratch memory.
private struct OnnxRuntimeCall {
  private let model: OnnxRuntimeModel
  private let inputs: UnsafeMutablePointer<sluice_ort_input>
  private let inputCount: Int
  private let outputs: UnsafeMutablePointer<sluice_ort_output>
  private let outputCount: Int

  init(_ io: NodeIO, model: OnnxRuntimeModel, outputs wanted: [Int]) throws(KernelFault) {
    self.model = model
    inputCount = io.inputCount
    outputCount = wanted.count
    var textCount = 0
    for index in 0..<inputCount {
      let view = try io.input(index)
      if view.type == .text { textCount += view.count }
    }
    let inputBytes = inputCount * MemoryLayout<sluice_ort_input>.stride
    let outputBytes = outputCount * MemoryLayout<sluice_ort_output>.stride
    let textBytes = textCount * MemoryLayout<UnsafePointer<CChar>?>.stride
    let base = UnsafeMutableRawPointer(
      try io.scratch(inputBytes + outputBytes + textBytes, of: UInt8.self))
    inputs = base.bindMemory(to: sluice_ort_input.self, capacity: inputCount)
    outputs = (base + inputBytes).bindMemory(to: sluice_ort_output.self, capacity: outputCount)
    var texts = (base + inputBytes + outputBytes).bindMemory(
      to: UnsafePointer<CChar>?.self, capacity: textCount)
    for (index, output) in wanted.enumerated() {
      (outputs + index).initialize(to: sluice_ort_output())
      outputs[index].name = model.outputs[output].label
    }
    for index in 0..<inputCount { try describe(index, try io.input(index), io, &texts) }
  }

  private func describe(
    _ index: Int, _ view: TensorView, _ io: NodeIO,
    _ texts: inout UnsafeMutablePointer<UnsafePointer<CChar>?>
  ) throws(KernelFault) {
    let input = inputs + index
    input.initialize(to: sluice_ort_input())
    input.pointee.name = model.inputs[index].label
    input.pointee.element_type = Int32(view.type.onnxNumber)
    input.pointee.rank = Int32(view.shape.rank)
    withUnsafeMutableBytes(of: &input.pointee.dims) { bytes in
      let dims = bytes.bindMemory(to: Int64.self)
      for axis in 0..<view.shape.rank { dims[axis] = Int64(view.shape[axis]) }
    }
    input.pointee.count = view.count
    guard view.type == .text else {
      input.pointee.data = UnsafeRawPointer(view.data)
      input.pointee.bytes = view.count * view.type.strideBytes
      return
    }
    input.pointee.data = UnsafeRawPointer(texts)
    let list = view.pointer(TextRef.self)
    for i in 0..<view.count {
      texts[i] = try terminated(list[i], io, input: index)
    }
    texts += view.count
  }

  /// A copy with a zero byte at its end, in the session's memory for texts.
  private func terminated(
    _ text: TextRef, _ io: NodeIO, input: Int
  ) throws(KernelFault) -> UnsafePointer<CChar> {
    let copy = try io.frame.makeText(bytes: text.count + 1)
    for i in 0..<text.count {
      let byte = text.bytes?[i] ?? 0
      guard byte != 0 else {
        throw KernelFault(
          .input,
          "a text of the input \"\(printable(model.inputs[input].name))\" holds a zero byte, which "
            + "ONNX Runtime cannot be given")
      }
      copy[i] = byte
    }
    copy[text.count] = 0
    return UnsafeRawPointer(copy).assumingMemoryBound(to: CChar.self)
  }

  /// ONNX Runtime's code for inputs that do not fit.
  private static let invalidArgument: Int32 = 2

  func run() throws(KernelFault) {
    var fault = sluice_ort_fault()
    if sluice_ort_run(model.handle, inputs, inputCount, outputs, outputCount, &fault) == 0 {
      return
    }
    let code: InferenceError.Code =
      switch fault.code {
      case OnnxRuntimeCall.invalidArgument: .input
      case Int32(SLUICE_ORT_LIMIT): .limit
      default: .data
      }
    throw KernelFault(code, faultText(fault))
  }

  func release() { sluice_ort_release(model.handle, outputs, outputCount) }

  /// Copies an output into the session's own memory, which has a limit.
  func copy(output index: Int, _ io: NodeIO) throws(KernelFault) {
    let output = outputs + index
    guard let type = ElementType(onnx: Int(output.pointee.element_type)) else {
      throw KernelFault(
        .unsupported,
        "an output has the element type \(onnxTypeName(Int(output.pointee.element_type)))")
    }
    var shape = Shape()
    var isNegative = false
    withUnsafeBytes(of: &output.pointee.dims) { bytes in
      let dims = bytes.bindMemory(to: Int64.self)
      for axis in 0..<Int(output.pointee.rank) {
        isNegative = isNegative || dims[axis] < 0
        shape.append(Int(dims[axis]))
      }
    }
    guard !isNegative, shape.checkedCount == output.pointee.count else {
      throw KernelFault(.shape, "an output has the shape \(shape.list)")
    }
    let to = UnsafeMutableRawPointer(try io.output(index, type, shape, as: UInt8.self))
    if type == .text {
      try copyTexts(output, to: to, io)
    } else if let from = output.pointee.data {
      to.copyMemory(from: from, byteCount: shape.count * type.strideBytes)
    }
  }

  /// The offsets come first into the half of the memory that the references will take, and are
  /// replaced by them from the last to the first: reference `i` covers the offsets `2i` and
  /// `2i + 1`, which have been read by then.
  private func copyTexts(
    _ output: UnsafeMutablePointer<sluice_ort_output>, to base: UnsafeMutableRawPointer,
    _ io: NodeIO
  ) throws(KernelFault) {
    let count = output.pointee.count
    guard count > 0 else { return }
    let total = output.pointee.text_bytes
    let bytes = try io.frame.makeText(bytes: total + 1)
    let offsets = base.assumingMemoryBound(to: Int.self)
    var fault = sluice_ort_fault()
    guard sluice_ort_texts(model.handle, output, bytes, offsets, &fault) == 0 else {
      throw KernelFault(.data, faultText(fault))
    }
    var end = total
    for i in (0..<count).reversed() {
      let start = base.load(fromByteOffset: i * MemoryLayout<Int>.stride, as: Int.self)
      guard start >= 0, start <= end else {
        throw KernelFault(.data, "the texts of an output overlap")
      }
      base.storeBytes(
        of: TextRef(bytes: UnsafePointer(bytes + start), count: end - start),
        toByteOffset: i * MemoryLayout<TextRef>.stride, as: TextRef.self)
      end = start
    }
  }
}
