/// How many colours the terminal shows.
public enum ColourDepth: UInt8, Sendable, Comparable, CaseIterable {
  /// None: attributes, glyphs and words carry everything.
  case mono
  /// The palette of the terminal's user: 8 colours, and 8 bright ones (bold where there are only
  /// 8).
  case ansi16
  /// The xterm palette: 6 x 6 x 6 colours and 24 greys.
  case indexed256
  /// 24-bit colour.
  case truecolour

  /// Orders by the number of colours.
  public static func < (a: ColourDepth, b: ColourDepth) -> Bool { a.rawValue < b.rawValue }

  /// The name people type and read.
  public var name: String {
    switch self {
    case .mono: "mono"
    case .ansi16: "16"
    case .indexed256: "256"
    case .truecolour: "truecolor"
    }
  }
}

/// 24 bits of colour: red, green, blue.
public struct RGB: Sendable, Hashable {
  /// Red, 0 to 255.
  public let red: UInt8
  /// Green, 0 to 255.
  public let green: UInt8
  /// Blue, 0 to 255.
  public let blue: UInt8

  /// Puts the three together.
  public init(red: UInt8, green: UInt8, blue: UInt8) {
    self.red = red
    self.green = green
    self.blue = blue
  }

  /// Reads `#rrggbb`; nil for anything else.
  public init?(hex text: String) {
    let bytes = Array(text.utf8)
    guard bytes.count == 7, bytes[0] == 0x23, bytes.dropFirst().allSatisfy(\.isHexDigit),
      let value = UInt32(text.dropFirst(), radix: 16)
    else { return nil }
    self.init(packed: value)
  }

  /// Unpacks `0xRRGGBB`.
  public init(packed: UInt32) {
    red = UInt8(truncatingIfNeeded: packed >> 16)
    green = UInt8(truncatingIfNeeded: packed >> 8)
    blue = UInt8(truncatingIfNeeded: packed)
  }

  /// `0xRRGGBB`.
  public var packed: UInt32 { UInt32(red) << 16 | UInt32(green) << 8 | UInt32(blue) }

  /// Relative luminance, 0 (black) to 1 (white), as WCAG 2.2 defines it.
  public var luminance: Double {
    0.2126 * RGB.linear(red) + 0.7152 * RGB.linear(green) + 0.0722 * RGB.linear(blue)
  }

  /// Contrast ratio of two colours, 1 to 21 (WCAG 2.2): (L1 + 0.05) / (L2 + 0.05).
  public static func contrast(_ a: RGB, _ b: RGB) -> Double {
    let x = a.luminance
    let y = b.luminance
    return (max(x, y) + 0.05) / (min(x, y) + 0.05)
  }

  /// One channel without the sRGB gamma.
  private static func linear(_ channel: UInt8) -> Double {
    linearTable[Int(channel)]
  }

  /// ((c + 0.055) / 1.055) ^ 2.4 for each channel value (c / 12.92 near black), computed once by
  /// Newton's method on x^5 = y^12, so that no libm is needed.
  private static let linearTable: [Double] = (0...255).map { value in
    let c = Double(value) / 255
    if c <= 0.04045 { return c / 12.92 }
    let y = (c + 0.055) / 1.055
    let square = y * y
    let fourth = square * square
    let target = fourth * fourth * fourth
    // x = y^2.4 lies between y^3 and y^2; the function is convex, so Newton from above converges.
    var x = square
    for _ in 0..<32 {
      let x4 = x * x * x * x
      x -= (x4 * x - target) / (5 * x4)
    }
    return x
  }
}

extension UInt8 {
  fileprivate var isHexDigit: Bool {
    (0x30...0x39).contains(self) || (0x41...0x46).contains(self) || (0x61...0x66).contains(self)
  }
}

/// A colour of a theme with its stand-in for each depth.
public enum ThemeColour: Sendable, Hashable {
  /// The terminal's own foreground or background.
  case terminalDefault
  /// A colour: 24 bits, the index in the 256-colour palette, the index among 16.
  case rgb(RGB, c256: UInt8, c16: UInt8)

  /// A colour whose stand-ins are the nearest of the palettes.
  public static func nearest(to rgb: RGB) -> ThemeColour {
    .rgb(rgb, c256: XtermPalette.nearest256(to: rgb), c16: XtermPalette.nearest16(to: rgb))
  }

  /// What is really shown at a depth; nil for the terminal's own colour and at `.mono`.
  ///
  /// For 16 colours this is xterm's default palette: the user's own may differ.
  public func shown(at depth: ColourDepth) -> RGB? {
    guard case .rgb(let rgb, let c256, let c16) = self else { return nil }
    switch depth {
    case .truecolour: return rgb
    case .indexed256: return XtermPalette.colour(c256)
    case .ansi16: return XtermPalette.colour(c16)
    case .mono: return nil
    }
  }
}

/// xterm's 256 colours: 16 of the user's, a cube of 6 x 6 x 6, 24 greys.
public enum XtermPalette {
  private static let base: [UInt32] = [
    0x000000, 0xCD0000, 0x00CD00, 0xCDCD00, 0x0000EE, 0xCD00CD, 0x00CDCD, 0xE5E5E5,
    0x7F7F7F, 0xFF0000, 0x00FF00, 0xFFFF00, 0x5C5CFF, 0xFF00FF, 0x00FFFF, 0xFFFFFF,
  ]
  private static let levels: [Int] = [0, 95, 135, 175, 215, 255]

  /// Names of the first 16, as themes write them.
  public static let names = [
    "black", "red", "green", "yellow", "blue", "magenta", "cyan", "white",
    "bright-black", "bright-red", "bright-green", "bright-yellow", "bright-blue",
    "bright-magenta", "bright-cyan", "bright-white",
  ]

  /// The colour at an index.
  public static func colour(_ index: UInt8) -> RGB {
    let i = Int(index)
    if i < 16 { return RGB(packed: base[i]) }
    if i >= 232 {
      let grey = UInt8(8 + 10 * (i - 232))
      return RGB(red: grey, green: grey, blue: grey)
    }
    let c = i - 16
    return RGB(
      red: UInt8(levels[c / 36]), green: UInt8(levels[c / 6 % 6]), blue: UInt8(levels[c % 6]))
  }

  /// The nearest of the cube and the greys (16 to 255; the first 16 are the user's to change).
  public static func nearest256(to rgb: RGB) -> UInt8 { nearest(to: rgb, in: 16...255) }

  /// The nearest of the first 16.
  public static func nearest16(to rgb: RGB) -> UInt8 { nearest(to: rgb, in: 0...15) }

  private static func nearest(to rgb: RGB, in range: ClosedRange<UInt8>) -> UInt8 {
    var best = range.lowerBound
    var bestDistance = Int.max
    for index in range {
      let other = colour(index)
      let r = Int(rgb.red) - Int(other.red)
      let g = Int(rgb.green) - Int(other.green)
      let b = Int(rgb.blue) - Int(other.blue)
      // Weights close to the eye's: green counts most, blue least.
      let distance = 3 * r * r + 6 * g * g + b * b
      if distance < bestDistance {
        bestDistance = distance
        best = index
      }
    }
    return best
  }
}
