/// What the engine has, for lists and manuals: from the registry that models are compiled with.
public enum SupportedOperators {
  /// One domain of operators.
  public struct Domain: Sendable, Equatable {
    /// Its name; `ai.onnx` is the default one.
    public let name: String
    /// The versions of the operator set that exporters may name, in words.
    public let opsets: String
    /// The operators, in the order of their names.
    public let operators: [String]
  }

  /// Every domain, the default one first.
  public static let domains: [Domain] = OperatorRegistry.names.map { domain, names in
    let opsets =
      switch domain {
      case "ai.onnx": "9 and later"
      case "ai.onnx.ml": "1 and later"
      default: "1"
      }
    return Domain(name: domain, opsets: opsets, operators: names)
  }

  /// The manual page, in Markdown.
  public static let markdown: String = {
    let total = domains.reduce(0) { $0 + $1.operators.count }
    var text = """
      # Operators

      The inference engine runs ONNX models made of the \(total) operators below. A model with \
      any other one is refused when it is loaded, by name. This page is the output of \
      `sluice onnx operators --markdown`.


      """
    for domain in domains {
      text += "## \(domain.name)\n\nOperator set versions \(domain.opsets); "
      text += "\(domain.operators.count) operators.\n\n"
      for name in domain.operators { text += "- \(name)\n" }
      text += "\n"
    }
    return text + remarks
  }()

  private static let remarks = """
    ## What they take

    Tensors have up to 8 dimensions and elements of float, double, int32, int64, bool or string.
    Cast, Where, Unique and the operators that only move elements (Concat, Gather, Pad, Reshape,
    Slice, Transpose and the like) take int8, int16, uint8, uint16, uint32 and uint64 too.

    - **Training** modes of BatchNormalization and Dropout are refused, but for a Dropout whose
      ratio is 0.
    - **ZipMap** gives the table of scores, one column a class, in place of a list of dictionaries.
    - **RegexFullMatch** and **Tokenizer** read RE2's syntax without Unicode classes (`\\p`), single
      bytes (`\\C`) and what RE2 lacks itself (looking ahead or back, references to groups); the
      time is at most the length of the text times that of the pattern for each match.
    - **Einsum** computes up to 2^32 products a call.
    - **StringNormalizer** maps single characters by Unicode, whatever the locale.

    ## How they are checked

    `scripts/onnx-cases` writes the cases that the package `onnx` makes for these operators, and
    `sluice onnx check` runs them: of the 752 of onnx 1.23.2, 746 pass and none fails; the 6
    others ask for training modes. `scripts/corpus` trains models with scikit-learn, LightGBM
    and XGBoost and records onnxruntime's answers; `sluice onnx check --tolerance 1e-5` compares
    with them. Of 71 models 61 agree and 5 are refused (Scan, LpNormalization). 4 support vector
    machines with large coefficients differ by up to 2e-3, since onnxruntime sums them in 32
    bits and this engine in 64; in one forest a label differs where two classes have equal votes
    (scikit-learn gives ours).

    """
}
