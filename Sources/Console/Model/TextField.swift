/// One line of typed text with a cursor, bounded in length.
struct TextField: Sendable, Hashable {
  /// The most characters it takes.
  static let limit = 200

  /// What was typed.
  private(set) var text: String
  /// Characters before the cursor.
  private(set) var cursor: Int

  /// A field with the cursor after `text`.
  init(_ text: String = "") {
    self.text = String(text.prefix(TextField.limit))
    cursor = self.text.count
  }

  /// Applies an editing key; false when the key is none of an editor's.
  mutating func edit(_ key: InputEvent.Key) -> Bool {
    switch key {
    case .character(let character): insert(String(character))
    case .backspace: remove(at: cursor - 1, cursorAfter: cursor - 1)
    case .delete: remove(at: cursor, cursorAfter: cursor)
    case .left: cursor = max(0, cursor - 1)
    case .right: cursor = min(text.count, cursor + 1)
    case .home, .control("a"): cursor = 0
    case .end, .control("e"): cursor = text.count
    case .control("u"):
      text = String(text.dropFirst(cursor))
      cursor = 0
    case .control("w"): removeWord()
    default: return false
    }
    return true
  }

  /// Puts text in at the cursor; line ends and tabs become blanks, so that pasted text stays one
  /// line, and what does not fit is left out.
  mutating func insert(_ addition: String) {
    let room = TextField.limit - text.count
    guard room > 0 else { return }
    let line = addition.map { $0.isNewline || $0 == "\t" ? " " : $0 }.prefix(room)
    text.insert(contentsOf: line, at: text.index(text.startIndex, offsetBy: cursor))
    // A combining mark may join its neighbour, so the count is taken afresh.
    cursor = min(text.count, cursor + line.count)
  }

  private mutating func remove(at place: Int, cursorAfter: Int) {
    guard place >= 0, place < text.count else { return }
    text.remove(at: text.index(text.startIndex, offsetBy: place))
    cursor = max(0, min(text.count, cursorAfter))
  }

  private mutating func removeWord() {
    let head = text.prefix(cursor)
    let kept = head.reversed().drop { $0 == " " }.drop { $0 != " " }
    text = String(kept.reversed()) + text.dropFirst(cursor)
    cursor = kept.count
  }
}
