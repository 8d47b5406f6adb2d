/// Refuses files that are another model format, recognised by content and not by name.
///
/// Formats that run code when they are opened (pickle and all that holds one) are never opened,
/// not even to look further: a scanner can be fooled, a refusal cannot.
func refuseOtherFormats(_ file: [UInt8]) throws(InferenceError) {
  guard let format = otherFormat(file) else { return }
  throw InferenceError(.notONNX, "this is \(format.what), not ONNX; \(format.remedy)")
}

private let pickleRemedy =
  "opening it would run the code inside, so it is refused: where the model was trained, export it "
  + "with skl2onnx or onnxmltools, or save an XGBoost or LightGBM model with its own save_model"
private let formats =
  "give a model exported to ONNX, or saved by XGBoost (.ubj, .json) or LightGBM (.txt)"

private func otherFormat(_ file: [UInt8]) -> (what: String, remedy: String)? {
  if file.isEmpty { return ("an empty file", formats) }
  if starts(file, [0x80]), file.count > 1, (2...5).contains(file[1]) {
    return ("a Python pickle", pickleRemedy)
  }
  if starts(file, [0x93, 0x4E, 0x55, 0x4D, 0x50, 0x59]) {
    return ("a numpy array", formats)
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
    || starts(file, [0x28, 0xB5, 0x2F, 0xFD]) || starts(file, [0x5D, 0x00, 0x00])
    || starts(file, [0x04, 0x22, 0x4D, 0x18]) || isZlib(file)
  {
    return ("compressed (joblib files often are)", pickleRemedy)
  }
  if isOldXGBoost(file) {
    return (
      "an XGBoost model in the old binary format",
      "open it with an XGBoost before 3.1 and save it with a name that ends in .ubj or .json"
    )
  }
  if starts(file, Array("______LightGBM_Binary_File_Token______".utf8)) {
    return ("training data of LightGBM", "save the model itself with Booster.save_model")
  }
  if starts(file, Array("CBM1".utf8)) {
    return ("a CatBoost model", "save it with save_model(path, format=\"onnx\")")
  }
  if file.count > 9, file[8] == UInt8(ascii: "{"), file[7] == 0, file[6] == 0, file[5] == 0 {
    return ("a safetensors file (weights without a model)", "export the model to ONNX")
  }
  if starts(file, Array("ustar".utf8), at: 257) {
    return ("a tar archive", "unpack it and give the model inside")
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
      return ("an XGBoost model (JSON or UBJSON)", "load it as it is")
    }
    if text.contains("oblivious_trees") || text.contains("catboost") {
      return ("a CatBoost model in JSON", "save it with save_model(path, format=\"onnx\")")
    }
    if text.contains("\"name\":\"tree\"") || text.contains("tree_info") {
      return (
        "a LightGBM dump in JSON, made for reading", "save the model with Booster.save_model"
      )
    }
    // Protobuf could begin with a brace only as field 15, which no ONNX model has.
    return ("JSON", formats)
  }
  if text.hasPrefix("booster[0]") || (text.hasPrefix("[") && text.contains("\"nodeid\"")) {
    return (
      "an XGBoost dump, which lacks the base score and the objective",
      "save the model with Booster.save_model"
    )
  }
  if text.hasPrefix("tree\nversion=") || text.hasPrefix("tree\r\nversion=") {
    return ("a LightGBM text model", "load it as it is")
  }
  if text.contains("com.github.apple.coremltools") {
    return ("a Core ML model", "export the original to ONNX where it was trained")
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
  // A pickle of protocol 0 or 1 begins with an opcode: a mark, or a class as a module's name and
  // its own, a line each.
  if first == UInt8(ascii: "(") || isPickledClass(start) {
    return ("a Python pickle (text protocol)", pickleRemedy)
  }
  return nil
}

private func isPickledClass(_ start: ArraySlice<UInt8>) -> Bool {
  let lines = start.dropFirst().split(
    separator: 0x0A, maxSplits: 2, omittingEmptySubsequences: false)
  return start.first == UInt8(ascii: "c") && lines.count == 3
    && lines[..<2].allSatisfy { name in
      !name.isEmpty
        && name.allSatisfy { byte in
          (byte | 0x20) &- 0x61 < 26 || byte &- 0x30 < 10 || byte == 0x5F || byte == 0x2E
        }
    }
}

/// Files of XGBoost before 3.1 without a format in their name: parameters, then the names of the
/// objective and of the booster.
private func isOldXGBoost(_ file: [UInt8]) -> Bool {
  if starts(file, Array("binf".utf8)) || starts(file, Array("bs64".utf8)) { return true }
  guard file.count > 160, file[0] != UInt8(ascii: "{") else { return false }
  // A length of eight bytes stands before each name.
  let names = String(decoding: file[136..<min(file.count, 300)], as: UTF8.self)
  return ["reg:", "binary:", "multi:", "count:", "rank:", "survival:"].contains { kind in
    starts(file, Array(kind.utf8), at: 144)
  } && (names.contains("gbtree") || names.contains("gblinear") || names.contains("dart"))
}

private func isZlib(_ file: [UInt8]) -> Bool {
  file.count > 2 && file[0] == 0x78 && [0x01, 0x5E, 0x9C, 0xDA].contains(file[1])
}

private func starts(_ file: [UInt8], _ magic: [UInt8], at offset: Int = 0) -> Bool {
  file.count >= offset + magic.count && file[offset..<(offset + magic.count)].elementsEqual(magic)
}
