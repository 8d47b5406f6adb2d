import Core

/// One column of a model's inputs, which contributions are told for.
public struct ExplainedFeature: Sendable, Equatable {
  /// The input's name, or `name[3]` for a column of an input that has several, unless the file
  /// has names for these: XGBoost's and LightGBM's features.
  public let name: String
  /// The position of the input in the signature.
  public let input: Int
  /// The column within the input.
  public let column: Int
}

/// A model read for explanations: what each input column adds to the model's margins.
///
/// A margin is a score before any logistic or softmax: log-odds for most boosted trees and logistic
/// models, probabilities for forests that average probabilities, the number itself for regressors.
/// Tree ensembles and linear models of ai.onnx.ml are explained, also behind imputers, scalers,
/// encoders and anything else that makes each column from one input column; the columns of a
/// one-hot encoding count for the column they were made from.
///
/// Serving keeps none of this: it is read from the model file when somebody asks.
public final class ExplainedModel: Sendable {
  /// The model's inputs and outputs.
  public let signature: Signature
  /// The columns of all inputs, in order: each has one contribution.
  public let features: [ExplainedFeature]
  /// What the margins belong to: a class's label, or an output's name (`name[1]` of several).
  ///
  /// Two classes with one score have one margin, the second's.
  public let outputs: [String]
  /// Whether background rows must be set first.
  ///
  /// So it is for trees whose file does not tell how much of the training data came by each node:
  /// skl2onnx and onnxmltools write none of that.
  public let needsBackground: Bool

  /// Computes the table that the trees or coefficients read.
  let table: CompiledModel
  let margins: MarginModel
  /// For each column of the table its feature; -1 for constants and columns that are not read.
  let featureOf: [Int]

  private init(
    signature: Signature, features: [ExplainedFeature], table: CompiledModel,
    margins: MarginModel, featureOf: [Int]
  ) {
    self.signature = signature
    self.features = features
    self.table = table
    self.margins = margins
    self.featureOf = featureOf
    outputs = margins.outputs.map(\.label)
    if case .trees(let layout) = margins.form {
      needsBackground = !layout.hasCovers || layout.coverFault != nil
    } else {
      needsBackground = false
    }
  }

  /// Reads a model file for explanations.
  ///
  /// - Parameter file: the bytes of a model file, as for ``CompiledModel/load(_:limits:backend:)``.
  /// - Throws: ``InferenceError``; its code is `unsupported` when the model is neither trees nor
  ///   linear, or when columns are mixed (by a PCA, say) on their way to it.
  public static func load(
    _ file: [UInt8], limits: ModelLimits = .standard
  ) throws(InferenceError) -> ExplainedModel {
    if let format = NativeFormat(file) {
      return try NativeExplanation.load(file, format, limits)
    }
    let onnx = try OnnxDecoder.decode(file, limits: limits)
    var graph = try GraphBuilder.build(onnx, limits: limits)
    let infos = graph.inputs.map { value in onnx.inputs.first { $0.name == graph.names[value] } }
    let specs = try Compiler.inputSpecs(infos)
    graph.dropDeadNodes()
    guard let facts = try Facts.measure(graph, specs) else {
      throw InferenceError(
        .unsupported, "a model whose inputs have free shapes cannot be explained")
    }
    let node = try explainedNode(graph)
    let (features, starts, widths) = try columns(specs)
    let margins: MarginModel
    do throws(KernelFault) {
      margins = try MarginModel(node.call, name: outputName(onnx, graph, node))
    } catch {
      throw located(error, qualifiedName(node.call.node), node.call.node)
    }
    let origins = ColumnOrigins(graph, facts, starts: starts, widths: widths)
    let featureOf = try featureList(node, origins, margins, features)
    let signature = Signature(
      inputs: specs.map { TensorSpec(name: $0.name, elementType: $0.type, shape: $0.shape ?? []) },
      outputs: [])
    graph.outputs = [node.inputs[0]]
    let table = CompiledModel(
      signature: signature,
      summary: ModelSummary(
        operators: [:], nodeCount: graph.nodes.count, stepCount: 0, parameterCount: 0,
        fileBytes: file.count, opsets: [:], irVersion: onnx.irVersion, producer: onnx.producer),
      plan: Plan(graph), inputShapes: specs.map(\.shape))
    return ExplainedModel(
      signature: signature, features: features, table: table, margins: margins,
      featureOf: featureOf)
  }

  /// Trees or coefficients that read the one input of a model as it is: those of a tree library's
  /// own file.
  /// - Parameters:
  ///   - shape: of the input: rows and columns.
  ///   - columnNames: of the input's columns, when they have names of their own.
  convenience init(
    _ input: TensorSpec, shape: [Int?], margins: MarginModel, limits: ModelLimits,
    columnNames: [String]? = nil
  ) throws(InferenceError) {
    let spec = Compiler.InputSpec(name: input.name, type: input.elementType, shape: shape)
    var (features, _, _) = try ExplainedModel.columns([spec])
    if let columnNames, columnNames.count == features.count {
      features = zip(features, columnNames).map { feature, name in
        ExplainedFeature(name: name, input: feature.input, column: feature.column)
      }
    }
    guard margins.width <= features.count,
      margins.outputs.count * features.count <= ExplainedModel.cellsMax
    else {
      throw InferenceError(
        .shape,
        "the trees read \(margins.width) columns and have \(margins.outputs.count) outputs, the "
          + "input has \(features.count) columns")
    }
    var graph = Graph(model: OnnxModel(file: []), limits: limits)
    graph.names = [input.name]
    graph.inputs = [0]
    graph.outputs = [0]
    let signature = Signature(inputs: [input], outputs: [])
    let table = CompiledModel(
      signature: signature,
      summary: ModelSummary(
        operators: [:], nodeCount: 0, stepCount: 0, parameterCount: 0, fileBytes: 0, opsets: [:],
        irVersion: 0, producer: ""),
      plan: Plan(graph), inputShapes: [shape])
    self.init(
      signature: signature, features: features, table: table, margins: margins,
      featureOf: Array(0..<margins.width))
  }

  /// One thread's use of it, for up to `maxRows` rows at once.
  /// - Precondition: `maxRows` is at least 1.
  public func makeExplainer(maxRows: Int) -> Explainer { Explainer(self, maxRows: maxRows) }
}

extension ExplainedModel {
  /// What may follow the trees or the linear model: nothing that has learnt anything of its own.
  private static let harmless: Set<String> = [
    "Identity", "Cast", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "ZipMap", "Normalizer",
    "Sigmoid", "Softmax", "LogSoftmax", "Exp", "Log", "Neg", "Sub", "Add", "Mul", "Div", "Sqrt",
    "Concat", "ArgMax", "ArrayFeatureExtractor", "Gather", "LabelEncoder", "Clip", "Greater",
    "Less", "GreaterOrEqual", "LessOrEqual", "Equal", "Not", "Where", "Slice", "Transpose",
    "ReduceSum", "Max", "Min", "Abs", "Binarizer", "Shape", "ConstantOfShape", "Erf", "Split",
  ]

  /// The most contributions a row.
  private static let cellsMax = 1 << 20

  private static func explainedNode(_ graph: Graph) throws(InferenceError) -> Graph.Node {
    let found = graph.nodes.filter {
      MarginModel.operators.contains($0.call.node.operatorType)
        && $0.call.node.domain == "ai.onnx.ml"
    }
    guard let node = found.first, node.inputs.first ?? -1 >= 0 else {
      throw InferenceError(
        .unsupported,
        "contributions are computed for tree ensembles and linear models of ai.onnx.ml; "
          + "this model has neither")
    }
    guard found.count == 1 else {
      throw InferenceError(
        .unsupported,
        "the model has \(found.count) tree ensembles and linear models, contributions are computed "
          + "for one: \(found.prefix(3).map(\.label).joined(separator: ", "))")
    }
    var after = Set(node.outputs)
    for next in graph.nodes where next.inputs.contains(where: { $0 >= 0 && after.contains($0) }) {
      let name = next.call.node.operatorType
      // Nor may scores of another part of the graph come in: an average with a network, say.
      let isAlone = next.inputs.allSatisfy {
        $0 < 0 || after.contains($0) || graph.constants[$0] != nil
      }
      guard harmless.contains(name), isAlone else {
        throw InferenceError(
          .unsupported,
          "the scores go on through \(next.label), so contributions to them would not explain the "
            + "model's answer")
      }
      after.formUnion(next.outputs)
    }
    return node
  }

  /// What a regressor's single score is called: the model's output when there is one.
  private static func outputName(
    _ onnx: OnnxModel, _ graph: Graph, _ node: Graph.Node
  ) -> String {
    onnx.outputs.count == 1 ? onnx.outputs[0].name : node.call.node.outputs.first ?? "score"
  }

  private static func columns(
    _ specs: [Compiler.InputSpec]
  ) throws(InferenceError) -> ([ExplainedFeature], starts: [Int], widths: [Int]) {
    var features: [ExplainedFeature] = []
    var starts: [Int] = []
    var widths: [Int] = []
    for (index, spec) in specs.enumerated() {
      guard let shape = spec.shape, let row = RowShape(shape), row.followsRows, row.stride > 0,
        features.count + row.stride <= 1 << 16
      else {
        throw InferenceError(
          .unsupported,
          "the input \"\(printable(spec.name))\" has no fixed number of columns a row, so "
            + "contributions cannot be told column by column")
      }
      starts.append(features.count)
      widths.append(row.stride)
      for column in 0..<row.stride {
        features.append(
          ExplainedFeature(
            name: row.stride == 1 ? spec.name : "\(spec.name)[\(column)]", input: index,
            column: column))
      }
    }
    return (features, starts, widths)
  }

  private static func featureList(
    _ node: Graph.Node, _ origins: ColumnOrigins, _ margins: MarginModel,
    _ features: [ExplainedFeature]
  ) throws(InferenceError) -> [Int] {
    guard let columns = origins.of(node.inputs[0]), columns.count >= margins.width else {
      throw InferenceError(
        .unsupported, "the columns that \(node.label) reads cannot be followed to the inputs")
    }
    guard margins.outputs.count * max(features.count, margins.width) <= cellsMax else {
      throw InferenceError(
        .limit,
        "\(margins.outputs.count) margins of \(max(features.count, margins.width)) columns are too "
          + "many contributions a row")
    }
    let isRead = margins.readColumns()
    var result: [Int] = []
    for column in 0..<margins.width {
      switch columns[column] {
      case .column(let feature): result.append(feature)
      case .constant: result.append(-1)
      case .mixed:
        guard !isRead[column] else {
          throw InferenceError(
            .unsupported,
            "column \(column) that \(node.label) reads is made from several inputs, so its "
              + "contribution belongs to no single one")
        }
        result.append(-1)
      }
    }
    return result
  }
}
