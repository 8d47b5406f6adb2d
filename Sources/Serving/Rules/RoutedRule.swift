import Core

/// Requests that are routed by a table of their own, ahead of the endpoint's.
public struct RoutedRule: Sendable {
  /// What explanations and records of the rule call it.
  public let name: String
  /// Which requests it is about.
  public let rule: RequestRule
  /// Who answers them.
  public let table: RouteTable
  /// Whether what it draws is evidence: for the rollout's own segment, not for rules by hand.
  public let isDrawn: Bool

  /// Puts them together.
  public init(name: String, rule: RequestRule, table: RouteTable, isDrawn: Bool) {
    self.name = name
    self.rule = rule
    self.table = table
    self.isDrawn = isDrawn
  }

  /// Why the rule can match no request of an endpoint, or a value of it can match none; nil when
  /// all of it can match.
  public static func fault(of rule: RequestRule, on schema: RowSchema) -> String? {
    for condition in rule.conditions {
      guard case .input(let name, let values) = condition else { continue }
      guard let cell = RowCell(name, in: schema) else {
        return "requests carry no column \"\(printable(name, limit: 60))\""
      }
      guard cell.type != .text else { continue }
      for value in values where RuleNumber(value, as: cell.type) == nil {
        return
          "\"\(printable(value, limit: 60))\" is no \(cell.type.rawValue), which the column "
          + "\"\(printable(name, limit: 60))\" holds"
      }
    }
    return nil
  }
}

/// One element of a row: where it lies and of what type it is.
struct RowCell {
  let type: ElementType
  let offsetBytes: Int

  /// The element that features call `name`: a column of width 1, or `column[2]`.
  init?(_ name: String, in schema: RowSchema) {
    guard let feature = schema.layout.fields.firstIndex(where: { $0.name == name }),
      let column = schema.columns.last(where: { $0.firstFeature <= feature })
    else { return nil }
    type = column.elementType
    offsetBytes =
      column.offsetBytes + (feature - column.firstFeature) * RowBuffer.stride(column.elementType)
  }
}

/// A number that a rule compares a cell with, as exact as the cell.
struct RuleNumber: Equatable {
  /// The bits that both sides are brought to: of a 64-bit integer or of a double.
  let bits: UInt64

  /// Reads a rule's value for cells of `type`; nil when no cell of that type can have it.
  init?(_ text: String, as type: ElementType) {
    switch type {
    case .float32:
      // As the cell would hold it: 0.1 of a rule is the nearest single-precision number.
      guard let value = Float(text), !value.isNaN else { return nil }
      self.init(real: Double(value))
    case .float64:
      guard let value = Double(text), !value.isNaN else { return nil }
      self.init(real: value)
    case .int64, .int32:
      guard let value = RuleNumber.whole(text) else { return nil }
      self.init(integer: value)
    case .bool:
      switch text {
      case "true", "1": self.init(integer: 1)
      case "false", "0": self.init(integer: 0)
      default: return nil
      }
    default: return nil
    }
  }

  /// `12`, and `12.0` or `1e3` where that is a whole number.
  private static func whole(_ text: String) -> Int64? {
    if let value = Int64(text) { return value }
    guard let value = Double(text) else { return nil }
    return Int64(exactly: value)
  }

  init(integer: Int64) { bits = UInt64(bitPattern: integer) }
  /// Both zeros are one number.
  init(real: Double) { bits = real == 0 ? 0 : real.bitPattern }
}
