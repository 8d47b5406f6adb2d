import Core

/// How a version's inputs and outputs were distributed in training: what live traffic is compared
/// with.
///
/// Read from a JSON file (`sluice-reference-1`) that comes with the version. Numeric features have
/// at most 255 ascending edges; a value's bin is the number of edges below it.
public struct Reference: Sendable, Equatable {
  /// A numeric feature's bins.
  public struct Numeric: Sendable, Equatable {
    /// Ascending; bin `j` holds the values over `edges[j - 1]`, up to and including `edges[j]`.
    public let edges: [Float]
    /// One more than edges.
    public let counts: [Int]
    /// The least training value.
    public let min: Double
    /// The largest training value.
    public let max: Double
    /// The training mean.
    public let mean: Double
    /// The training standard deviation.
    public let standardDeviation: Double
  }

  /// A categorical feature's counts.
  public struct Categorical: Sendable, Equatable {
    /// The categories by falling count, then by name.
    public let names: [String]
    /// How often each was seen.
    public let counts: [Int]
    /// Training rows with a category that is not listed.
    public let other: Int
  }

  /// Numeric or categorical.
  public enum Distribution: Sendable, Equatable {
    case numeric(Numeric)
    case categorical(Categorical)
  }

  /// One feature or output.
  public struct Feature: Sendable, Equatable {
    /// Its name, as the model's input is called.
    public let name: String
    /// Whether it is an output of the model.
    public let isOutput: Bool
    /// Training rows that had a value.
    public let present: Int
    /// Training rows without.
    public let missing: Int
    /// How the present ones were distributed.
    public let distribution: Distribution
  }

  /// Training rows.
  public let rows: Int
  /// Inputs first, then outputs, as in the file.
  public let features: [Feature]
  /// Equal for equal references: sketches merge only when theirs agree.
  public let fingerprint: UInt64

  /// The largest file read, bytes.
  public static let bytesMax = 8 << 20
  /// The most features and outputs.
  public static let featuresMax = 1_024
  /// The most edges of a numeric feature.
  public static let edgesMax = 255
  /// The most categories of a feature.
  public static let categoriesMax = 4_096
  /// The longest feature or category name, bytes.
  public static let nameBytesMax = 256

  init(rows: Int, features: [Feature], fingerprint: UInt64) {
    self.rows = rows
    self.features = features
    self.fingerprint = fingerprint
  }
}
