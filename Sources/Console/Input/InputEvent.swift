/// What came from the keyboard, the mouse or the terminal.
public enum InputEvent: Sendable, Hashable {
  case key(Key)
  case mouse(Mouse)
  /// Text pasted between bracketed-paste marks; it never acts as keys.
  case paste(String)
  /// The terminal got or lost the focus.
  case focus(Bool)
  /// The window has a new size.
  case resize(columns: Int, rows: Int)

  /// A key, decoded.
  public enum Key: Sendable, Hashable {
    /// A printable character.
    case character(Character)
    /// A letter with Control, as its lower-case letter.
    case control(Character)
    /// A character with Alt.
    case alt(Character)
    case enter, tab, backTab, escape, backspace, delete, insert
    case up, down, left, right, home, end, pageUp, pageDown
    case function(Int)
  }

  /// A mouse report (SGR 1006), with places counted from 0.
  public struct Mouse: Sendable, Hashable {
    /// What happened.
    public enum Action: Sendable, Hashable {
      case press(Button), release(Button), drag(Button), wheelUp, wheelDown
    }
    /// Which button.
    public enum Button: Sendable, Hashable { case left, middle, right }

    /// What happened.
    public var action: Action
    /// Column.
    public var x: Int
    /// Row.
    public var y: Int

    /// Puts them together.
    public init(action: Action, x: Int, y: Int) {
      self.action = action
      self.x = x
      self.y = y
    }
  }
}
