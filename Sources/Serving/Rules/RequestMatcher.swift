import Core

/// Asks rows whether a rule is about them, by the same comparison as routing; off the request path.
///
/// Rows that lie in files have no key as it came and no attributes: conditions on those never hold
/// here. Used by one thread at a time.
public struct RequestMatcher {
  private let rules: CompiledRules
  private let headers = RequestHeaders()

  /// A matcher for rows of a schema; a rule without conditions is about nothing.
  public init(_ rule: RequestRule, schema: RowSchema) {
    rules = CompiledRules([], shadow: rule, arms: [], schema: schema)
  }

  /// Whether the rule is about the row that is in the buffer.
  public func matches(_ row: RowBuffer) -> Bool {
    rules.mayCopy(
      RuleSubject(
        row: UnsafeRawPointer(row.base), headers: headers, key: nil, keyCount: 0))
  }
}
