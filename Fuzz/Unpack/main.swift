import Glibc

// Writes the models of test bundles (Tests/InferenceTests/Fixtures/*.bundle) into a folder, each
// under its number: the first corpus of the ONNX target.
//
// A bundle is a row of cases: name, model, list of inputs, list of outputs; every piece and every
// list has its length before it, four bytes, the lowest first.

/// Small inputs make a fast fuzzer.
let modelBytesMax = 8_192

func read(_ path: String) -> [UInt8]? {
  guard let file = fopen(path, "rb") else { return nil }
  defer { fclose(file) }
  fseek(file, 0, SEEK_END)
  let size = max(0, ftell(file))
  rewind(file)
  return [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
    count = buffer.baseAddress.map { fread($0, 1, size, file) } ?? 0
  }
}

struct Cursor {
  let bytes: [UInt8]
  var at = 0

  mutating func number() -> Int? {
    guard at + 4 <= bytes.count else { return nil }
    defer { at += 4 }
    return (0..<4).reduce(0) { $0 | Int(bytes[at + $1]) << (8 * $1) }
  }

  mutating func piece() -> ArraySlice<UInt8>? {
    guard let count = number(), at + count <= bytes.count else { return nil }
    defer { at += count }
    return bytes[at..<at + count]
  }
}

guard CommandLine.arguments.count >= 3 else {
  fputs("usage: unpack FOLDER BUNDLE...\n", stderr)
  exit(2)
}
let folder = CommandLine.arguments[1]
var written = 0
for path in CommandLine.arguments.dropFirst(2) {
  guard let bytes = read(path) else {
    fputs("\(path) cannot be read\n", stderr)
    exit(3)
  }
  var cursor = Cursor(bytes: bytes)
  while cursor.at < bytes.count {
    guard cursor.piece() != nil, let model = cursor.piece() else { break }
    for _ in 0..<2 {
      for _ in 0..<(cursor.number() ?? 0) { _ = cursor.piece() }
    }
    guard model.count <= modelBytesMax, let file = fopen("\(folder)/\(written)", "wb") else {
      continue
    }
    _ = model.withUnsafeBytes { fwrite($0.baseAddress, 1, $0.count, file) }
    fclose(file)
    written += 1
  }
}
print("\(written) models")
