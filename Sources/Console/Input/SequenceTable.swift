/// Keys of one byte.
enum KeyTable {
  /// The key for an ASCII byte outside any sequence; nil for bytes no key sends.
  static func plain(_ byte: UInt8) -> InputEvent.Key? {
    switch byte {
    case 0x00: .control(" ")
    case 0x08, 0x7F: .backspace
    case 0x09: .tab
    case 0x0D: .enter
    case 0x01...0x1A: .control(Character(Unicode.Scalar(byte + 0x60)))
    case 0x1C...0x1F: .control(Character(Unicode.Scalar(byte + 0x40)))
    case 0x20...0x7E: .character(Character(Unicode.Scalar(byte)))
    default: nil
    }
  }
}

/// Keys, mouse and focus reports that come as escape sequences.
///
/// Modifiers of a special key are dropped (Shift-Up is Up), but those of function keys count on as
/// terminfo does (Shift-F1 is F13), and Shift-Tab is ``InputEvent/Key/backTab``.
enum SequenceTable {
  /// The event for `ESC [ parameters final`; nil for what is none of ours.
  static func event(parameters: [UInt8], final: UInt8) -> InputEvent? {
    if parameters.first == 0x3C {
      return MouseDecoder.sgr(parameters.dropFirst(), isRelease: final == 0x6D, final: final)
    }
    if parameters == [0x5B] { return linuxFunctionKey(final) }
    // Private sequences (`?`, `>`, `=`) and those with intermediates are answers to queries.
    guard let numbers = numbers(in: parameters) else { return nil }
    switch final {
    case 0x49 where parameters.isEmpty: return .focus(true)
    case 0x4F where parameters.isEmpty: return .focus(false)
    case 0x7E: return tilde(numbers)
    case 0x75: return numbers.first.flatMap { coded($0, modifiers: numbers.dropFirst().first) }
    case 0x5A: return .key(.backTab)
    case 0x49: return nil
    // `CSI row ; column R` is a cursor report; `CSI 1 ; modifier R` is F3 with a modifier, which
    // cannot be told apart from a report of the first row. Nobody asks for reports here.
    case 0x52: return numbers.first == 1 ? letter(final, numbers) : nil
    default: return letter(final, numbers)
    }
  }

  /// The key for `ESC O final`; nil for what is none of ours.
  static func ss3(_ final: UInt8) -> InputEvent.Key? {
    switch final {
    case 0x41...0x44, 0x46, 0x48, 0x50...0x53: base(final)
    // The keypad in application mode.
    case 0x4D: .enter
    case 0x6A...0x79: .character(Character(Unicode.Scalar(final - 0x40)))
    default: nil
    }
  }

  private static func letter(_ final: UInt8, _ numbers: [Int]) -> InputEvent? {
    // A cursor key has no parameters or `1 ; modifiers`; all else is something else.
    guard numbers.isEmpty || numbers[0] <= 1, numbers.count <= 2, let key = base(final) else {
      return nil
    }
    return .key(counted(key, modifiers: numbers.count == 2 ? numbers[1] : 1))
  }

  private static func base(_ final: UInt8) -> InputEvent.Key? {
    switch final {
    case 0x41: .up
    case 0x42: .down
    case 0x43: .right
    case 0x44: .left
    case 0x46: .end
    case 0x48: .home
    case 0x50...0x53: .function(Int(final) - 0x4F)
    default: nil
    }
  }

  private static func tilde(_ numbers: [Int]) -> InputEvent? {
    guard let code = numbers.first else { return nil }
    // `CSI 27 ; modifiers ; character ~`: xterm's modifyOtherKeys.
    if code == 27 && numbers.count == 3 { return coded(numbers[2], modifiers: numbers[1]) }
    let key: InputEvent.Key
    switch code {
    case 1, 7: key = .home
    case 2: key = .insert
    case 3: key = .delete
    case 4, 8: key = .end
    case 5: key = .pageUp
    case 6: key = .pageDown
    case 11...15: key = .function(code - 10)
    case 17...21: key = .function(code - 11)
    case 23, 24, 25, 26: key = .function(code - 12)
    case 28, 29: key = .function(code - 13)
    case 31...34: key = .function(code - 14)
    default: return nil
    }
    return .key(counted(key, modifiers: numbers.count > 1 ? numbers[1] : 1))
  }

  /// Function keys with Shift count on by 12, with Control by 24, as terminfo's kf13 and kf25.
  private static func counted(_ key: InputEvent.Key, modifiers: Int) -> InputEvent.Key {
    guard case .function(let number) = key, modifiers > 1 else { return key }
    let bits = modifiers - 1
    if bits & 4 != 0 { return .function(number + 24) }
    return bits & 1 != 0 ? .function(number + 12) : key
  }

  /// A character with modifiers as a number (`CSI code ; modifiers u`).
  private static func coded(_ code: Int, modifiers: Int?) -> InputEvent? {
    let bits = max(0, (modifiers ?? 1) - 1)
    let isShift = bits & 1 != 0
    switch code {
    case 9: return .key(isShift ? .backTab : .tab)
    case 13: return .key(.enter)
    case 27: return .key(.escape)
    case 8, 127: return .key(.backspace)
    default: break
    }
    guard code >= 0x20, code < 0x80 || code > 0x9F, let value = UInt32(exactly: code),
      let scalar = Unicode.Scalar(value), scalar.properties.generalCategory != .privateUse
    else { return nil }
    let character = Character(scalar)
    if bits & 4 != 0 {
      return .key(.control(character.lowercased().first ?? character))
    }
    if bits & 2 != 0 { return .key(.alt(character)) }
    return .key(.character(isShift ? character.uppercased().first ?? character : character))
  }

  private static func linuxFunctionKey(_ final: UInt8) -> InputEvent? {
    (0x41...0x45).contains(final) ? .key(.function(Int(final) - 0x40)) : nil
  }

  /// Numbers between semicolons, sub-parameters after a colon dropped; nil for other characters.
  static func numbers(in parameters: some Collection<UInt8>) -> [Int]? {
    if parameters.isEmpty { return [] }
    var numbers = [0]
    var isSub = false
    for byte in parameters {
      switch byte {
      case 0x30...0x39:
        if !isSub {
          numbers[numbers.count - 1] = min(
            1_000_000, numbers[numbers.count - 1] * 10 + Int(byte) - 0x30)
        }
      case 0x3B:
        numbers.append(0)
        isSub = false
      case 0x3A: isSub = true
      default: return nil
      }
    }
    return numbers
  }
}

/// Mouse reports.
enum MouseDecoder {
  /// `ESC [ < button ; column ; row M` or `m` (mode 1006), places from 1.
  static func sgr(
    _ parameters: ArraySlice<UInt8>, isRelease: Bool, final: UInt8
  ) -> InputEvent? {
    guard final == 0x4D || final == 0x6D, let numbers = SequenceTable.numbers(in: parameters),
      numbers.count == 3, numbers[1] >= 1, numbers[2] >= 1
    else { return nil }
    return event(code: numbers[0], isRelease: isRelease, x: numbers[1] - 1, y: numbers[2] - 1)
  }

  /// `ESC [ M` and three bytes, each 32 more than its value (terminals that do not know 1006).
  static func old(_ bytes: [UInt8]) -> InputEvent? {
    guard bytes.count == 3, bytes.allSatisfy({ $0 >= 32 }), bytes[1] > 32, bytes[2] > 32 else {
      return nil
    }
    let code = Int(bytes[0]) - 32
    let isRelease = code & 3 == 3 && code & 96 == 0
    return event(
      // The old protocol does not say which button was released.
      code: isRelease ? code & ~3 : code, isRelease: isRelease, x: Int(bytes[1]) - 33,
      y: Int(bytes[2]) - 33)
  }

  private static func event(code: Int, isRelease: Bool, x: Int, y: Int) -> InputEvent? {
    guard code < 128 else { return nil }
    if code & 64 != 0 {
      guard !isRelease else { return nil }
      switch code & 3 {
      case 0: return .mouse(.init(action: .wheelUp, x: x, y: y))
      case 1: return .mouse(.init(action: .wheelDown, x: x, y: y))
      default: return nil
      }
    }
    let button: InputEvent.Mouse.Button
    switch code & 3 {
    case 0: button = .left
    case 1: button = .middle
    case 2: button = .right
    // Moved with no button down.
    default: return nil
    }
    let action: InputEvent.Mouse.Action =
      isRelease ? .release(button) : code & 32 != 0 ? .drag(button) : .press(button)
    return .mouse(.init(action: action, x: x, y: y))
  }
}
