// swift-tools-version: 6.2
import PackageDescription

/// Every Swift target is built in the Swift 6 language mode, and a warning is an error.
let strict: [SwiftSetting] = [
  .swiftLanguageMode(.v6),
  .enableUpcomingFeature("ExistentialAny"),
  .treatAllWarnings(as: .error),
]

func module(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
  .target(name: name, dependencies: dependencies, swiftSettings: strict)
}

func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
  .testTarget(
    name: "\(name)Tests", dependencies: dependencies, swiftSettings: strict)
}

let package = Package(
  name: "sluice",
  products: [.executable(name: "sluice", targets: ["sluice"])],
  targets: [
    // C libraries and shims: each is imported by one Swift module only.
    .target(
      name: "CNcurses",
      linkerSettings: [.linkedLibrary("ncursesw"), .linkedLibrary("tinfo")]),
    .target(name: "CSystem"),
    .target(name: "CKernels", cSettings: [.unsafeFlags(["-O3"])]),
    .systemLibrary(name: "CSQLite", providers: [.apt(["libsqlite3-dev"])]),
    .systemLibrary(name: "CYAML", providers: [.apt(["libyaml-dev"])]),
    .systemLibrary(name: "CSodium", providers: [.apt(["libsodium-dev"])]),

    // Modules, from values up to the executable. Arrows point one way only.
    module("Core", []),
    module("Statistics", ["Core"]),
    module("Inference", ["Core", "CKernels"]),
    module("Telemetry", ["Core", "Statistics"]),
    module("Serving", ["Core", "Inference"]),
    module("Control", ["Core", "Statistics"]),
    module("Storage", ["Core", "CSQLite", "CSodium"]),
    module("Gateway", ["Core", "CSystem"]),
    module("Documents", ["Core", "CYAML"]),
    module(
      "Node",
      [
        "Core", "Statistics", "Inference", "Telemetry", "Serving", "Control", "Storage", "Gateway",
        "Documents",
      ]),
    module("Console", ["Core", "Control", "Documents", "Node", "CNcurses"]),
    .executableTarget(
      name: "sluice", dependencies: ["Console", "Node"], swiftSettings: strict),

    tests("Core", ["Core"]),
    tests("Statistics", ["Statistics"]),
    .testTarget(
      name: "InferenceTests", dependencies: ["Inference", "Core", "CAllocations"],
      exclude: ["CAllocations", "Fixtures"], swiftSettings: strict),
    // Counts heap allocations in the test program.
    .target(name: "CAllocations", path: "Tests/InferenceTests/CAllocations"),
    tests("Telemetry", ["Telemetry"]),
    tests("Serving", ["Serving", "Inference"]),
    tests("Control", ["Control"]),
    tests("Storage", ["Storage"]),
    tests("Gateway", ["Gateway"]),
    tests("Documents", ["Documents"]),
    tests("Node", ["Node", "Control"]),
    tests("Console", ["Console", "Control"]),
    tests("EndToEnd", ["Core"]),
  ]
)
