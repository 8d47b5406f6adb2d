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
      any other one is refused when it is loaded, by name. The number after an operator says how \
      many test cases with it pass; none fails. This page is the output of \
      `sluice onnx operators --markdown`.


      """
    for domain in domains {
      text += "## \(domain.name)\n\nOperator set versions \(domain.opsets); "
      text += "\(domain.operators.count) operators.\n\n"
      for name in domain.operators {
        let key = domain.name == "ai.onnx" ? name : "\(domain.name).\(name)"
        text += "- \(name)" + (caseCounts[key].map { " (\($0))" } ?? "") + "\n"
      }
      text += "\n"
    }
    return text + remarks
  }()

  private static let remarks = """
    ## What they take

    Tensors have up to 8 dimensions and elements of float, double, int32, int64, bool or string.
    Cast, Where, Unique, the operators that only move elements (Concat, Gather, Pad, Reshape,
    Slice, Transpose and the like), arithmetic, comparisons and reductions take int8, int16, uint8,
    uint16, uint32 and uint64 too (uint64 in arithmetic below 2^63). The elements float16,
    bfloat16, float8, float4, int4 and int2 are not supported, in Cast as little as elsewhere.

    - **If**, **Loop** and **Scan** run their bodies, which see the values around them. All bodies
      together compute at most 10 million nodes in one run. Scan is that of opset 9 and later.
    - **Dictionaries**: an input `x` that is one becomes two, `x.keys` and `x.values`, one element
      an entry; only DictVectorizer and CastMap read them. A list of dictionaries that ZipMap makes
      is a table with a column for each key, in the order of the labels.
    - **Sequences** of tensors are taken apart when the model is loaded: SequenceConstruct, then
      SequenceAt with a constant place, ConcatFromSequence, or an output, which becomes `y.0`,
      `y.1` and on. Others are refused.
    - **Training** modes of BatchNormalization and Dropout are refused, but for a Dropout whose
      ratio is 0.
    - **RegexFullMatch** and **Tokenizer** read RE2's syntax without Unicode classes (`\\p`), single
      bytes (`\\C`) and what RE2 lacks itself (looking ahead or back, references to groups); the
      time is at most the length of the text times that of the pattern for each match.
    - **CDist** has the metrics euclidean and sqeuclidean.
    - **Einsum** computes up to 2^32 products a call.
    - **StringNormalizer** maps single characters by Unicode, whatever the locale.

    ## Where the specification is silent or others differ

    These follow onnxruntime 1.31, since exporters try their models with it:

    - **Normalizer** MAX divides by the largest value, not the largest magnitude.
    - **LinearRegressor**, **LinearClassifier** and the tree regressors leave a single score as it
      is, whatever post_transform says, but for PROBIT.
    - **TreeEnsemble** takes post_transform 1 as LOGISTIC and 2 as SOFTMAX, the reverse of the
      specification's text.
    - **Tree ensembles** with several targets give 0, without the base value, for a target that no
      leaf of the row votes for.
    - **LabelEncoder** before version 4 finds no NaN among its keys.
    - **TfIdfVectorizer** takes a weight for each term of the pool, **Tokenizer** puts the end mark
      before the padding, **FeatureVectorizer** fills columns that are missing with zeros.

    These do not, since onnxruntime is wrong there:

    - **TreeEnsembleClassifier** with two integer labels and weights for both gives the labels;
      onnxruntime gives 1 and 0.
    - **TreeEnsemble** compares whole numbers with the members of a set; onnxruntime cuts 1.5 to 1
      first.
    - **PROBIT** for the one score of two classes gives that score's and 0; onnxruntime leaves the
      second undefined.

    ## How they are checked

    - `scripts/onnx-cases` writes the cases that the package `onnx` makes, and `sluice onnx check`
      runs them. Of the 752 of onnx 1.23.2 for tabular models 746 pass and none fails; the 6 others
      ask for training modes. Of all 1,884 there 1,033 pass and none fails; the 851 others need
      operators or element types that are not listed here.
    - `scripts/ml-operator-cases` draws 200 random models for each operator of ai.onnx.ml, for the
      text operators and for If, Loop and Scan, with onnxruntime's answers: all 5,200 pass.
      `onnx.reference` answers 3,181 of them too, 990 otherwise: it keeps the type of the input
      where the specification says float (FeatureVectorizer, Scaler, Normalizer, scores of
      classifiers), gives DictVectorizer's row as a vector, leaves out TreeEnsemble's
      post_transform and takes TfIdfVectorizer's weights by column; the rest are transforms of
      single scores and of two classes.
    - `scripts/corpus` trains 144 models with scikit-learn, LightGBM, XGBoost and CatBoost;
      `sluice onnx check --tolerance 1e-5` compares with onnxruntime's answers. 136 agree, none is
      refused. In 3 forests the votes of two classes are equal and onnxruntime's sums in 32 bits
      pass the half: the labels here are scikit-learn's. 4 support vector machines with large
      coefficients are nearer to scikit-learn here (by up to 120 times), since onnxruntime sums in
      32 bits. One Gaussian process in 32 bits is off by 1.5e-5 here and by 0.7e-5 there.

    """
}
