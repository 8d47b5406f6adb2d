/// Refuses files that are another model format, recognised by content and not by name.
///
/// Formats that run code when they are opened (pickle and all that holds one) are never opened,
/// not even to look further: a scanner can be fooled, a refusal cannot.
func refuseOtherFormats(_ file: [UInt8]) throws(InferenceError) {
  guard let format = otherFormat(file) else { return }
  throw InferenceError(.notONNX, "this is \(format.what), not ONNX; \(format.remedy)")
}

private let pickleRemedy =
  "opening it would run the code inside, so it is refused: export the model with skl2onnx or "
  + "onnxmltools where it was trained"

private func otherFormat(_ file: [UInt8]) -> (what: String, remedy: String)? {
  if file.isEmpty { return ("an empty file", "give a model exported to ONNX") }
  if starts(file, [0x80]), file.count > 1, (2...5).contains(file[1]) {
    return ("a Python pickle", pickleRemedy)
  }
  if starts(file, [0x93, 0x4E, 0x55, 0x4D, 0x50, 0x59]) {
    return ("a numpy array", "give a model exported to ONNX")
  }
  if starts(file, [0x50, 0x4B, 0x03, 0x04]) {
    return (
      "a zip archive (PyTorch, Keras, MLflow or numpy)",
      "export the model to ONNX where it was trained: torch.onnx.export or tf2onnx"
    )
  }
  if starts(file, [0x89, 0x48, 0x44, 0x46, 0x0D, 0x0A, 0x1A, 0x0A]) {
    return ("an HDF5 file (Keras)", "export the model to ONNX with tf2onnx")
  }
  if starts(file, [0x1F, 0x8B]) {
    return ("gzip-compressed", "unpack it first; a compressed joblib pickle is refused as such")
  }
  if starts(file, [0x42, 0x5A, 0x68]) || starts(file, [0xFD, 0x37, 0x7A, 0x58, 0x5A])
    || starts(file, [0x28, 0xB5, 0x2F, 0xFD]) || isZlib(file)
  {
    return ("compressed (joblib files often are)", pickleRemedy)
  }
  if starts(file, Array("binf".utf8)) || starts(file, Array("bs64".utf8)) {
    return ("an old XGBoost binary", "export it with onnxmltools.convert_xgboost")
  }
  if starts(file, Array("GGUF".utf8)) {
    return ("a GGUF language model", "only tabular ONNX models are served")
  }
  if starts(file, Array("TFL3".utf8), at: 4) {
    return ("a TensorFlow Lite model", "export it to ONNX with tf2onnx")
  }
  if starts(file, Array("ORTM".utf8), at: 4) {
    return ("an ORT-format model", "give the .onnx file it was made from")
  }
  return textFormat(file)
}

private func textFormat(_ file: [UInt8]) -> (what: String, remedy: String)? {
  let start = file.prefix(4096)
  guard let first = start.first(where: { $0 != 0x20 && $0 != 0x0A && $0 != 0x0D && $0 != 0x09 })
  else { return nil }
  let text = String(decoding: start, as: UTF8.self)
  if first == UInt8(ascii: "{") {
    if text.contains("learner") || text.contains("gradient_booster") {
      return ("an XGBoost model (JSON or UBJSON)", "export it with onnxmltools.convert_xgboost")
    }
    if text.contains("oblivious_trees") || text.contains("catboost") {
      return ("a CatBoost model in JSON", "save it with format=\"onnx\"")
    }
    // Protobuf could begin with a brace only as field 15, which no ONNX model has.
    return ("JSON", "give a model exported to ONNX")
  }
  if text.hasPrefix("tree\nversion=") {
    return ("a LightGBM text model", "export it with onnxmltools.convert_lightgbm")
  }
  if text.hasPrefix("CBM1") {
    return ("a CatBoost model", "save it with format=\"onnx\"")
  }
  if text.contains("<PMML") || text.hasPrefix("<?xml") {
    return ("XML (PMML)", "export the model to ONNX")
  }
  if text.hasPrefix("version https://git-lfs") {
    return ("a Git LFS pointer", "fetch the real file with git lfs pull")
  }
  if text.hasPrefix("<!DOCTYPE") || text.hasPrefix("<html") {
    return ("a web page", "download the model file itself")
  }
  // A pickle of protocol 0 or 1 begins with an opcode letter and ends with a full stop.
  if first == UInt8(ascii: "(") || text.hasPrefix("c__builtin__") || text.hasPrefix("ccopy_reg")
    || text.hasPrefix("cos\n") || text.hasPrefix("cposix\n")
  {
    return ("a Python pickle (text protocol)", pickleRemedy)
  }
  return nil
}

private func isZlib(_ file: [UInt8]) -> Bool {
  file.count > 2 && file[0] == 0x78 && [0x01, 0x5E, 0x9C, 0xDA].contains(file[1])
}

private func starts(_ file: [UInt8], _ magic: [UInt8], at offset: Int = 0) -> Bool {
  file.count >= offset + magic.count && file[offset..<(offset + magic.count)].elementsEqual(magic)
}
