/// Keys as people read them.
public enum KeyText {
  /// `Tab`, `Space`, `^C`, `PgUp`, `R`.
  public static func of(_ key: InputEvent.Key) -> String {
    switch key {
    case .character(" "): "Space"
    case .character(let c): String(c)
    case .control(let c): "^" + c.uppercased()
    case .alt(let c): "M-" + String(c)
    case .enter: "Enter"
    case .tab: "Tab"
    case .backTab: "S-Tab"
    case .escape: "Esc"
    case .backspace: "Backspace"
    case .delete: "Del"
    case .insert: "Ins"
    case .up: "Up"
    case .down: "Down"
    case .left: "Left"
    case .right: "Right"
    case .home: "Home"
    case .end: "End"
    case .pageUp: "PgUp"
    case .pageDown: "PgDn"
    case .function(let n): "F\(n)"
    }
  }
}

/// Writes the key reference, `docs/reference/keys.md`, from the action table.
public func keyReferenceMarkdown() -> String {
  var text = """
    # Keys of the console

    <!-- Made by `sluice help --keys`; a test compares the two. -->

    This page is written by the program from its action table. A word in the second column can be
    typed after `:`. Risk says how much is asked first: *look* and *safe* ask little or nothing,
    *risk* shows what will happen and takes `y`, *destructive* takes the typed version in a
    profile that is `prod`.

    """
  for group in ActionSpec.Group.allCases {
    text += "\n## \(group.rawValue)\n\n| key | command | does | risk |\n|---|---|---|---|\n"
    for spec in ActionSpec.all where spec.group == group {
      let keys = spec.keys.map { "`\(KeyText.of($0).replacingPipe)`" }.joined(separator: " ")
      let argument = spec.argument.placeholder
      let word = argument.isEmpty ? spec.word : "\(spec.word) \(argument)"
      text += "| \(keys) | `\(word)` | \(spec.explanation) | \(spec.risk.rawValue) |\n"
    }
  }
  return text
}

extension String {
  /// A pipe would end the table's cell.
  fileprivate var replacingPipe: String { map { $0 == "|" ? "\\|" : String($0) }.joined() }
}
