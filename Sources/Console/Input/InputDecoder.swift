/// Bytes from the terminal to events: a state machine without clock or descriptor.
///
/// - A bare Escape is a key once nothing has followed it for ``escapeDelayMicros``.
/// - A sequence it does not know is swallowed whole, as are the terminal's answers to queries.
/// - Pasted text is one ``InputEvent/paste(_:)``, at most ``pasteBytesMax`` long; it never becomes
///   keys, however it is split over reads.
/// - Bytes that are no UTF-8, and control characters coded in UTF-8, give nothing.
///
/// Sources: ECMA-48 (shape of sequences), xterm's "Control Sequences" (keys, mouse modes 1002,
/// 1006, focus, bracketed paste), the kitty keyboard protocol (`CSI … u`).
public struct InputDecoder: Sendable {
  /// How long a bare Escape waits for the rest of a sequence, in microseconds.
  ///
  /// Links slower than this need more.
  public var escapeDelayMicros: Int64
  /// The most bytes of one paste that are kept; the rest is swallowed.
  public static let pasteBytesMax = 64 * 1024
  /// A sequence begun and not ended after this time is given up, so that a stray `ESC ]` does not
  /// eat keys for ever.
  public static let sequenceMicrosMax: Int64 = 1_000_000
  /// Within this time after a bare Escape, `[` or `O` with more bytes in the same read is the late
  /// rest of a sequence that a slow link tore apart.
  static let lateMicros: Int64 = 100_000
  /// Bytes of one CSI sequence that are looked at; a longer one is swallowed.
  static let sequenceBytesMax = 64

  enum State: Sendable, Equatable {
    case ground
    /// ESC was read.
    case escape
    /// ESC [ was read; parameters are in `sequence`.
    case csi
    /// ESC [ M was read: three bytes of the old mouse protocol follow.
    case oldMouse
    /// ESC O was read.
    case ss3
    /// Inside OSC, DCS, APC, PM or SOS, up to ST or BEL.
    case string
    /// ESC inside such a string.
    case stringEscape
    /// Between the paste marks.
    case paste
  }

  private var state = State.ground
  private var begunAt: Int64 = 0
  private var escapedAt: Int64 = .min
  private var sequence: [UInt8] = []
  private var utf8: [UInt8] = []
  private var utf8Length = 0
  private var pasted: [UInt8] = []
  /// How many bytes of the closing paste mark were just seen.
  private var pasteEndSeen = 0

  private static let pasteEnd: [UInt8] = Array("\u{1B}[201~".utf8)

  /// A decoder at rest.
  public init(escapeDelayMicros: Int64 = 25_000) { self.escapeDelayMicros = escapeDelayMicros }

  /// When ``expire(now:)`` has something to do; nil when nothing is pending.
  ///
  /// Same clock as `now`.
  public var deadlineMicros: Int64? {
    switch state {
    case .ground, .paste: nil
    case .escape: begunAt + escapeDelayMicros
    default: begunAt + InputDecoder.sequenceMicrosMax
    }
  }

  /// Takes bytes read at a time, in microseconds of a monotonic clock.
  public mutating func feed(_ bytes: some Collection<UInt8>, now: Int64) -> [InputEvent] {
    var events = expire(now: now)
    var index = bytes.startIndex
    while index != bytes.endIndex {
      let byte = bytes[index]
      bytes.formIndex(after: &index)
      take(byte, isLastOfRead: index == bytes.endIndex, now: now, into: &events)
    }
    return events
  }

  /// Gives up waiting where the time has come: a bare Escape becomes a key.
  public mutating func expire(now: Int64) -> [InputEvent] {
    guard let deadline = deadlineMicros, now >= deadline else { return [] }
    let wasEscape = state == .escape
    rest()
    guard wasEscape else { return [] }
    escapedAt = now
    return [.key(.escape)]
  }

  private mutating func rest() {
    state = .ground
    sequence.removeAll(keepingCapacity: true)
  }

  private mutating func begin(_ next: State, now: Int64) {
    state = next
    begunAt = now
    sequence.removeAll(keepingCapacity: true)
    utf8.removeAll(keepingCapacity: true)
  }

  private mutating func take(
    _ byte: UInt8, isLastOfRead: Bool, now: Int64, into events: inout [InputEvent]
  ) {
    switch state {
    case .ground: takeGround(byte, isLastOfRead: isLastOfRead, now: now, into: &events)
    case .escape: takeEscaped(byte, now: now, into: &events)
    case .csi: takeCSI(byte, now: now, into: &events)
    case .oldMouse:
      sequence.append(byte)
      if sequence.count == 3 {
        if let event = MouseDecoder.old(sequence) { events.append(event) }
        rest()
      }
    case .ss3: takeSS3(byte, now: now, into: &events)
    case .string: takeString(byte)
    case .stringEscape: takeStringEscape(byte, now: now, into: &events)
    case .paste: takePaste(byte, into: &events)
    }
  }

  // MARK: - Outside sequences

  private mutating func takeGround(
    _ byte: UInt8, isLastOfRead: Bool, now: Int64, into events: inout [InputEvent]
  ) {
    if !isLastOfRead && (byte == 0x5B || byte == 0x4F) && escapedAt != .min
      && now - escapedAt <= InputDecoder.lateMicros && utf8.isEmpty
    {
      escapedAt = .min
      begin(byte == 0x5B ? .csi : .ss3, now: now)
      return
    }
    if byte == 0x1B {
      begin(.escape, now: now)
    } else if byte == 0x9B && utf8.isEmpty {
      // CSI as one byte, from a terminal set to 8-bit controls.
      begin(.csi, now: now)
    } else if byte < 0x80 {
      utf8.removeAll(keepingCapacity: true)
      if let key = KeyTable.plain(byte) { events.append(.key(key)) }
    } else if let character = decodeUTF8(byte) {
      events.append(.key(.character(character)))
    }
  }

  /// Adds a byte of a longer UTF-8 form; the character when it is complete and printable.
  private mutating func decodeUTF8(_ byte: UInt8) -> Character? {
    if byte & 0xC0 != 0x80 {
      utf8.removeAll(keepingCapacity: true)
      switch byte {
      case 0xC2...0xDF: utf8Length = 2
      case 0xE0...0xEF: utf8Length = 3
      case 0xF0...0xF4: utf8Length = 4
      default: return nil
      }
      utf8.append(byte)
      return nil
    }
    guard !utf8.isEmpty else { return nil }
    utf8.append(byte)
    guard utf8.count == utf8Length else { return nil }
    defer { utf8.removeAll(keepingCapacity: true) }
    guard let text = String(validating: utf8, as: UTF8.self),
      let scalar = text.unicodeScalars.first,
      scalar.properties.generalCategory != .control
    else { return nil }
    return Character(scalar)
  }

  // MARK: - Sequences

  private mutating func takeEscaped(_ byte: UInt8, now: Int64, into events: inout [InputEvent]) {
    switch byte {
    case 0x5B: begin(.csi, now: now)
    case 0x4F: begin(.ss3, now: now)
    case 0x5D, 0x50, 0x5F, 0x5E, 0x58: begin(.string, now: now)
    case 0x1B:
      events.append(.key(.escape))
      begin(.escape, now: now)
    case 0x80...0xFF:
      // Alt with a character beyond ASCII: the character comes alone.
      rest()
      takeGround(byte, isLastOfRead: true, now: now, into: &events)
    default:
      rest()
      events.append(.key(.alt(Character(Unicode.Scalar(byte)))))
    }
  }

  private mutating func takeCSI(_ byte: UInt8, now: Int64, into events: inout [InputEvent]) {
    switch byte {
    case 0x20...0x3F:
      if sequence.count <= InputDecoder.sequenceBytesMax { sequence.append(byte) }
    case 0x40...0x7E:
      // `ESC [ [ A` to `E` are the Linux console's function keys.
      if byte == 0x5B && sequence.isEmpty {
        sequence.append(byte)
        return
      }
      endCSI(byte, now: now, into: &events)
    case 0x1B: begin(.escape, now: now)
    case 0x18, 0x1A: rest()
    // Control characters inside a sequence are not part of it; from a keyboard they do not come.
    case 0x00...0x1F: break
    default: rest()
    }
  }

  private mutating func endCSI(_ final: UInt8, now: Int64, into events: inout [InputEvent]) {
    let parameters = sequence
    if parameters.isEmpty && final == 0x4D {
      begin(.oldMouse, now: now)
      return
    }
    rest()
    guard parameters.count <= InputDecoder.sequenceBytesMax else { return }
    if parameters == [0x32, 0x30, 0x30] && final == 0x7E {
      state = .paste
      pasted.removeAll(keepingCapacity: true)
      pasteEndSeen = 0
      return
    }
    if let event = SequenceTable.event(parameters: parameters, final: final) {
      events.append(event)
    }
  }

  private mutating func takeSS3(_ byte: UInt8, now: Int64, into events: inout [InputEvent]) {
    switch byte {
    case 0x1B: begin(.escape, now: now)
    // Some terminals put modifiers here, as in CSI.
    case 0x30...0x39, 0x3B:
      if sequence.count <= InputDecoder.sequenceBytesMax { sequence.append(byte) }
    default:
      rest()
      if let key = SequenceTable.ss3(byte) { events.append(.key(key)) }
    }
  }

  private mutating func takeString(_ byte: UInt8) {
    switch byte {
    case 0x07, 0x18, 0x1A: rest()
    case 0x1B: state = .stringEscape
    default: break
    }
  }

  private mutating func takeStringEscape(
    _ byte: UInt8, now: Int64, into events: inout [InputEvent]
  ) {
    if byte == 0x5C {
      rest()
    } else {
      begin(.escape, now: now)
      takeEscaped(byte, now: now, into: &events)
    }
  }

  // MARK: - Paste

  private mutating func takePaste(_ byte: UInt8, into events: inout [InputEvent]) {
    if byte == InputDecoder.pasteEnd[pasteEndSeen] {
      pasteEndSeen += 1
      guard pasteEndSeen == InputDecoder.pasteEnd.count else { return }
      events.append(.paste(String(decoding: pasted, as: UTF8.self)))
      pasted = []
      rest()
      return
    }
    // The mark begins with the only ESC in it, so a failed match can begin anew only here.
    keepPasted(InputDecoder.pasteEnd.prefix(pasteEndSeen))
    pasteEndSeen = byte == 0x1B ? 1 : 0
    if pasteEndSeen == 0 { keepPasted(CollectionOfOne(byte)) }
  }

  private mutating func keepPasted(_ bytes: some Collection<UInt8>) {
    let room = InputDecoder.pasteBytesMax - pasted.count
    pasted.append(contentsOf: bytes.prefix(max(0, room)))
  }
}
