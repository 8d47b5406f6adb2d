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
  products: [
    .executable(name: "sluice", targets: ["sluice"]),
    // Preloaded by a test.
    .library(name: "AllocationTotal", type: .dynamic, targets: ["CAllocationTotal"]),
  ],
  targets: [
    // C libraries and shims: each is imported by one Swift module only.
    .target(
      name: "CNcurses",
      linkerSettings: [.linkedLibrary("ncursesw"), .linkedLibrary("tinfo")]),
    .target(name: "CSystem"),
    .target(name: "CKernels", cSettings: [.unsafeFlags(["-O3"])]),
    .target(name: "COnnxRuntime"),
    .systemLibrary(name: "CSQLite", providers: [.apt(["libsqlite3-dev"])]),
    .systemLibrary(name: "CYAML", providers: [.apt(["libyaml-dev"])]),
    .systemLibrary(name: "CSodium", providers: [.apt(["libsodium-dev"])]),
    .systemLibrary(name: "COpenSSL", providers: [.apt(["libssl-dev"])]),

    // Modules, from values up to the executable. Arrows point one way only.
    module("Core", []),
    module("Statistics", ["Core"]),
    module("Inference", ["Core", "CKernels", "COnnxRuntime"]),
    module("Telemetry", ["Core", "Statistics"]),
    module("Serving", ["Core", "Inference", "Telemetry"]),
    module("Control", ["Core", "Statistics"]),
    module("Storage", ["Core", "CSQLite", "CSodium", "COpenSSL"]),
    module("Gateway", ["Core", "CSystem"]),
    module("Documents", ["Core", "CYAML"]),
    module(
      "Node",
      [
        "Core", "Statistics", "Inference", "Telemetry", "Serving", "Control", "Storage", "Gateway",
        "Documents", "CSystem",
      ]),
    module("Console", ["Core", "Control", "Documents", "Node", "CNcurses"]),
    .executableTarget(
      name: "sluice", dependencies: ["Core", "Control", "Inference", "Node", "Console"],
      swiftSettings: strict,
      // The toolchain's own linker: the system's warns of a function in the static Swift runtime.
      linkerSettings: [.unsafeFlags(["-use-ld=lld"])]),

    // Helpers of tests: a file system that fails and forgets on purpose, a process to kill, a count
    // of heap allocations, and libraries that only look like ONNX Runtime.
    .target(name: "CAllocations", path: "Tests/Support/CAllocations"),
    .target(name: "CAllocationTotal", path: "Tests/Support/CAllocationTotal"),
    .target(name: "CFakeOnnxRuntime", path: "Tests/Support/CFakeOnnxRuntime"),
    .target(name: "CFaultVFS", dependencies: ["CSQLite"], path: "Tests/Support/CFaultVFS"),
    .executableTarget(
      name: "storage-crash-child", dependencies: ["Core", "Storage"],
      path: "Tests/Support/StorageCrashChild", swiftSettings: strict),

    tests("Core", ["Core"]),
    .testTarget(
      name: "StatisticsTests", dependencies: ["Statistics"], exclude: ["Fixtures"],
      swiftSettings: strict),
    .testTarget(
      name: "InferenceTests",
      dependencies: ["Inference", "Core", "CAllocations", "CFakeOnnxRuntime"],
      exclude: ["Fixtures"], swiftSettings: strict),
    tests("Telemetry", ["Telemetry", "Core"]),
    tests("Serving", ["Serving", "Inference", "Telemetry", "Core", "CAllocations"]),
    tests("Control", ["Control"]),
    .testTarget(
      name: "StorageTests",
      dependencies: ["Storage", "CSQLite", "CFaultVFS", "storage-crash-child"],
      exclude: ["Fixtures"], swiftSettings: strict),
    tests("Gateway", ["Gateway", "CSystem"]),
    tests("Documents", ["Documents"]),
    tests(
      "Node",
      ["Node", "Control", "Inference", "Storage", "Serving", "Telemetry", "CAllocations"]),
    tests("Console", ["Console", "Control"]),
    tests("EndToEnd", ["Core", "Control", "Inference", "Node", "sluice"]),
  ]
)
