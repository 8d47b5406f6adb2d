import Testing

@testable import Inference

/// The manual page of operators.
struct SupportedOperatorsTests {
  @Test func thePageNamesExactlyTheRegistrysOperators() throws {
    let page = String(
      decoding: try Files.read("\(Files.root)/docs/reference/operators.md"), as: UTF8.self)
    #expect(
      page == SupportedOperators.markdown,
      "make it again: sluice onnx operators --markdown > docs/reference/operators.md")
    var listed: [String] = []
    var domain = ""
    for line in page.split(separator: "\n") {
      // After the lists come remarks.
      if line.hasPrefix("## What") { break }
      if line.hasPrefix("## ") { domain = String(line.dropFirst(3)) }
      if line.hasPrefix("- "), !line.hasPrefix("- **") {
        let name = line.dropFirst(2).prefix { $0 != " " }
        listed.append("\(domain) \(name)")
      }
    }
    let known = OperatorRegistry.names.flatMap { domain, names in names.map { "\(domain) \($0)" } }
    #expect(listed == known)
    for (domain, names) in OperatorRegistry.names {
      for name in names {
        let inner = domain == "ai.onnx" ? "" : domain
        #expect(OperatorRegistry.factory(domain: inner, name: name) != nil)
      }
    }
  }
}
