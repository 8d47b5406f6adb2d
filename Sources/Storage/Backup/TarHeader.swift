import Core

/// One member's header in a POSIX `ustar` archive (POSIX.1-2017, pax, "ustar Interchange Format"):
/// a block of 512 bytes in front of the content.
///
/// Only ordinary files are written and only ordinary files are read: no links, devices, folders,
/// or extended headers, so that nothing in an archive can point out of it.
struct TarHeader: Equatable {
  /// The size of a header, and what contents are padded to.
  static let blockBytes = 512
  /// The most bytes of one member: 11 octal digits.
  static let sizeLimitBytes = (1 << 33) - 1

  /// The member's name: at most 100 bytes.
  let name: String
  /// The length of its content.
  let sizeBytes: Int

  /// Puts the two together.
  init(name: String, sizeBytes: Int) {
    self.name = name
    self.sizeBytes = sizeBytes
  }

  /// The bytes after a content of `size`, up to the next block.
  static func padding(after size: Int) -> Int { (blockBytes - size % blockBytes) % blockBytes }

  /// The block.
  /// - Throws: ``StorageError`` when the name or the size does not fit.
  func block(time: Timestamp) throws(StorageError) -> [UInt8] {
    let bytes = Array(name.utf8)
    guard (1...100).contains(bytes.count), !bytes.contains(0),
      (0...TarHeader.sizeLimitBytes).contains(sizeBytes)
    else {
      throw StorageError(
        .unacceptable,
        "\(printable(name, limit: 120)) cannot be archived: a name has at most 100 bytes and a "
          + "file at most 8 GiB")
    }
    var block = [UInt8](repeating: 0, count: TarHeader.blockBytes)
    func put(_ text: [UInt8], at offset: Int) {
      block.replaceSubrange(offset..<offset + text.count, with: text)
    }
    put(bytes, at: 0)
    put(TarHeader.octal(0o600, digits: 7), at: 100)
    put(TarHeader.octal(0, digits: 7), at: 108)
    put(TarHeader.octal(0, digits: 7), at: 116)
    put(TarHeader.octal(sizeBytes, digits: 11), at: 124)
    let seconds = max(0, Int(time.microseconds / 1_000_000))
    put(TarHeader.octal(min(seconds, TarHeader.sizeLimitBytes), digits: 11), at: 136)
    block[156] = UInt8(ascii: "0")
    put(Array("ustar".utf8) + [0] + Array("00".utf8), at: 257)
    put(TarHeader.octal(TarHeader.checksum(block), digits: 6) + [0, 0x20], at: 148)
    return block
  }

  /// Reads a block.
  /// - Returns: nil for a block of zeros, which ends an archive.
  /// - Throws: ``InvalidValue`` that says what it is instead of an ordinary file's header.
  init?(_ block: [UInt8]) throws(InvalidValue) {
    if block.allSatisfy({ $0 == 0 }) { return nil }
    guard Array(block[257..<262]) == Array("ustar".utf8),
      try TarHeader.number(block[148..<156]) == TarHeader.checksum(block)
    else { throw InvalidValue("a member's header is damaged, or this is no archive") }
    let name = String(decoding: block[..<100].prefix { $0 != 0 }, as: UTF8.self)
    let kind = block[156]
    guard kind == UInt8(ascii: "0") else {
      throw InvalidValue(
        "\"\(printable(name, limit: 100))\" is \(TarHeader.words(for: kind)): only ordinary "
          + "files are taken")
    }
    guard block[345..<500].allSatisfy({ $0 == 0 }) else {
      throw InvalidValue("\"\(printable(name, limit: 100))\" has a name in two parts")
    }
    self.name = name
    sizeBytes = try TarHeader.number(block[124..<136])
  }

  private static func words(for kind: UInt8) -> String {
    switch kind {
    case UInt8(ascii: "1"): "a hard link"
    case UInt8(ascii: "2"): "a symbolic link"
    case UInt8(ascii: "3"), UInt8(ascii: "4"): "a device"
    case UInt8(ascii: "5"): "a folder"
    case UInt8(ascii: "6"): "a pipe"
    case UInt8(ascii: "x"), UInt8(ascii: "g"), UInt8(ascii: "L"), UInt8(ascii: "K"):
      "an extended header"
    default: "of the unknown kind \(kind)"
    }
  }

  /// The sum of all bytes, those of the checksum itself taken as spaces.
  private static func checksum(_ block: [UInt8]) -> Int {
    block.indices.reduce(0) { $0 + ((148..<156).contains($1) ? 0x20 : Int(block[$1])) }
  }

  private static func octal(_ number: Int, digits: Int) -> [UInt8] {
    let text = String(number, radix: 8)
    return Array((String(repeating: "0", count: max(0, digits - text.count)) + text).utf8)
  }

  /// Octal digits, with spaces before and a zero or space after; no other notation.
  private static func number(_ field: ArraySlice<UInt8>) throws(InvalidValue) -> Int {
    let digits = field.drop { $0 == 0x20 }.prefix { (0x30...0x37).contains($0) }
    let rest = field[digits.endIndex...]
    guard !digits.isEmpty, digits.count <= 11, rest.allSatisfy({ $0 == 0 || $0 == 0x20 }) else {
      throw InvalidValue("a number in a member's header is not octal")
    }
    return digits.reduce(0) { $0 * 8 + Int($1 - 0x30) }
  }
}
