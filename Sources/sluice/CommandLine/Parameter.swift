import Core

/// A word that a command takes by its place.
struct Positional<Value: Sendable>: Sendable {
  /// How many words of it there are.
  enum Count: Sendable { case one, optional, oneOrMore, any }

  /// What help and errors call it: `endpoint`.
  let label: String
  let kind: ValueKind<Value>
  let help: String
  let count: Count

  init(_ label: String, _ kind: ValueKind<Value>, count: Count = .one, help: String) {
    self.label = label
    self.kind = kind
    self.help = help
    self.count = count
  }
}

/// `--name VALUE`, given at most once; without it there is no value.
struct Option<Value: Sendable>: Sendable {
  /// The name without its dashes.
  let name: String
  let kind: ValueKind<Value>
  let help: String

  init(_ name: String, _ kind: ValueKind<Value>, help: String) {
    self.name = name
    self.kind = kind
    self.help = help
  }
}

/// `--name VALUE` with a value that stands in when it is not given.
struct DefaultedOption<Value: Sendable>: Sendable {
  let option: Option<Value>
  let fallback: Value
  /// The stand-in as a person would type it.
  let shown: String

  init(
    _ name: String, _ kind: ValueKind<Value>, default fallback: Value, shown: String? = nil,
    help: String
  ) {
    option = Option(name, kind, help: help)
    self.fallback = fallback
    self.shown = shown ?? "\(fallback)"
  }
}

/// `--name` without a value.
struct Flag: Sendable {
  /// The name without its dashes.
  let name: String
  let help: String

  init(_ name: String, help: String) {
    self.name = name
    self.help = help
  }
}

/// A positional, option or flag of any value type, as the parser, help and completions see it.
struct Parameter: Sendable {
  /// How it is given.
  enum Form: Sendable, Equatable {
    case positional(repeats: Bool, required: Bool)
    case option
    case flag
  }

  let name: String
  let form: Form
  let placeholder: String
  let help: String
  /// What stands in when it is not given, as text for help.
  let fallback: String?
  let completion: Completion
  /// Reads one word of it.
  let parse: @Sendable (String) throws(InvalidValue) -> any Sendable

  /// How help and errors write it: `--plan PLAN`, `ENDPOINT`, `DIR...`.
  var written: String {
    switch form {
    case .positional(let repeats, _): repeats ? "\(placeholder)..." : placeholder
    case .option: "--\(name) \(placeholder)"
    case .flag: "--\(name)"
    }
  }

  var isPositional: Bool {
    if case .positional = form { true } else { false }
  }
}

/// What can stand in a command's list of parameters.
protocol ParameterConvertible: Sendable {
  /// The same without its value type.
  var parameter: Parameter { get }
}

extension Positional: ParameterConvertible {
  var parameter: Parameter {
    let parse = kind.parse
    return Parameter(
      name: label,
      form: .positional(
        repeats: count == .oneOrMore || count == .any,
        required: count == .one || count == .oneOrMore
      ),
      placeholder: kind.placeholder, help: help, fallback: nil, completion: kind.completion,
      parse: { (word) throws(InvalidValue) in try parse(word) })
  }
}

extension Option: ParameterConvertible {
  var parameter: Parameter { parameter(fallback: nil) }

  func parameter(fallback: String?) -> Parameter {
    let parse = kind.parse
    return Parameter(
      name: name, form: .option, placeholder: kind.placeholder, help: help, fallback: fallback,
      completion: kind.completion, parse: { (word) throws(InvalidValue) in try parse(word) })
  }
}

extension DefaultedOption: ParameterConvertible {
  var parameter: Parameter { option.parameter(fallback: shown) }
}

extension Flag: ParameterConvertible {
  var parameter: Parameter {
    Parameter(
      name: name, form: .flag, placeholder: "", help: help, fallback: nil, completion: .nothing,
      parse: { (_) throws(InvalidValue) in true })
  }
}
