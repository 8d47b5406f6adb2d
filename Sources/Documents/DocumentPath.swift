import Core

/// Where a node is inside its document: `steps[2].hold`.
///
/// Children share their parent's path, so that a document of any shape keeps one small object for
/// each node and the text is made only for a message.
final class DocumentPath: Sendable {
  /// One step down.
  enum Step: Sendable {
    /// To a mapping's value.
    case key(String)
    /// To a sequence's item, from 0.
    case index(Int)
  }

  private let parent: DocumentPath?
  private let step: Step

  /// The path of a child of `parent`; nil is the document itself.
  init(_ parent: DocumentPath?, _ step: Step) {
    self.parent = parent
    self.step = step
  }

  /// The path as people read it; its length is bounded by the document's depth.
  var text: String {
    var steps = [step]
    var up = parent
    while let path = up {
      steps.append(path.step)
      up = path.parent
    }
    var result = ""
    for step in steps.reversed() {
      switch step {
      case .key(let key): result += (result.isEmpty ? "" : ".") + printable(key, limit: 40)
      case .index(let index): result += "[\(index)]"
      }
    }
    return result
  }
}
