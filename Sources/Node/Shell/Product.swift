/// The program's own name and version.
public enum Product {
  /// The version, by semver.
  public static let version = "0.1.0"
}
