import Core

/// A command with the values it was given, all of them read and within their ranges.
struct Invocation: Sendable {
  let command: CommandDeclaration
  /// Values by parameter name; one entry for each word.
  let values: [String: [any Sendable]]
  let streams: Streams

  /// The word of a positional that must be given.
  /// - Precondition: the command declares it with the count ``Positional/Count/one``.
  subscript<Value>(required positional: Positional<Value>) -> Value {
    guard let value = values[positional.label]?.first as? Value else {
      preconditionFailure("\(command.fullName) does not declare \(positional.label) as required")
    }
    return value
  }

  /// The word of a positional that may be left out.
  subscript<Value>(positional: Positional<Value>) -> Value? {
    values[positional.label]?.first as? Value
  }

  /// All words of a positional that repeats.
  subscript<Value>(all positional: Positional<Value>) -> [Value] {
    (values[positional.label] ?? []).compactMap { $0 as? Value }
  }

  /// The value of an option, nil when it was not given.
  subscript<Value>(option: Option<Value>) -> Value? { values[option.name]?.first as? Value }

  /// The value of an option, or what stands in for it.
  subscript<Value>(defaulted: DefaultedOption<Value>) -> Value {
    self[defaulted.option] ?? defaulted.fallback
  }

  /// Whether a flag was given.
  subscript(flag: Flag) -> Bool { values[flag.name] != nil }

  /// Whether the result is wanted as JSON.
  var wantsJSON: Bool { self[CommandSet.json] }

  /// Tells the result: as JSON on standard output when that was asked for, else as text.
  func tell(_ json: some Encodable, text: @autoclosure () throws -> String) throws {
    if wantsJSON {
      try streams.output.write(try CanonicalJSON.encode(json))
      try streams.output.write("\n")
    } else {
      try streams.output.write(try text())
    }
  }

  /// Tells people something beside the result.
  func note(_ sentence: String) { streams.note(sentence) }
}
