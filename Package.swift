// swift-tools-version: 6.2

import PackageDescription

/// `make check` sets LEASED_STRICT; a user's build on a newer compiler is never stopped by a new warning.
let strict = Context.environment["LEASED_STRICT"] != nil

let settings: [SwiftSetting] =
    [
        .swiftLanguageMode(.v6),
        .enableUpcomingFeature("ExistentialAny"),
        .enableUpcomingFeature("InternalImportsByDefault"),
        .enableUpcomingFeature("MemberImportVisibility"),
    ] + (strict ? [.treatAllWarnings(as: .error)] : [])

let package = Package(
    name: "leased",
    products: [
        .library(name: "LeaseCore", targets: ["LeaseCore"]),
        .library(name: "LeaseStore", targets: ["LeaseStore"]),
        .library(name: "LeaseClient", targets: ["LeaseClient"]),
        .executable(name: "leased", targets: ["leased"]),
        .executable(name: "leasectl", targets: ["leasectl"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(
            url: "https://github.com/apple/swift-configuration",
            from: "1.4.0",
            traits: ["YAML", "Logging"]
        ),
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
        .package(url: "https://github.com/swiftlang/swift-docc-plugin", from: "1.5.0"),
    ],
    targets: [
        // Values and decisions. Standard library only.
        .target(name: "LeaseCore", swiftSettings: settings),
        // The embedded library: one SQLite file.
        .target(
            name: "LeaseStore",
            dependencies: [
                "LeaseCore", "CLinux", "CSQLite",
                .product(name: "GRDB", package: "GRDB.swift"),
                .product(name: "GRDBSQLite", package: "GRDB.swift"),
                .product(name: "DequeModule", package: "swift-collections"),
                .product(name: "HeapModule", package: "swift-collections"),
            ],
            swiftSettings: settings
        ),
        // The RESP codec and the command table.
        .target(
            name: "LeaseWire",
            dependencies: ["LeaseCore", .product(name: "NIOCore", package: "swift-nio")],
            swiftSettings: settings
        ),
        // The engine and its socket.
        .target(
            name: "LeaseServer",
            dependencies: [
                "LeaseCore", "LeaseStore", "LeaseWire", "SystemdNotify", "CLinux",
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "Configuration", package: "swift-configuration"),
                .product(name: "HeapModule", package: "swift-collections"),
            ],
            swiftSettings: settings
        ),
        // The Swift client.
        .target(
            name: "LeaseClient",
            dependencies: [
                "LeaseCore", "LeaseWire", "CLinux",
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ],
            swiftSettings: settings
        ),
        // Readiness, watchdog, socket activation.
        .target(
            name: "SystemdNotify",
            dependencies: ["CSystemd", .product(name: "Logging", package: "swift-log")],
            swiftSettings: settings
        ),
        .systemLibrary(
            name: "CSystemd",
            pkgConfig: "libsystemd",
            providers: [.apt(["libsystemd-dev"])]
        ),
        // The Linux calls that Swift's Glibc module lacks.
        .target(name: "CLinux"),
        // The settings of SQLite that Swift cannot call.
        .target(name: "CSQLite"),
        .executableTarget(
            name: "leased",
            dependencies: [
                "LeaseServer", "LeaseStore", "LeaseCore", "SystemdNotify", "CLinux",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
            ],
            swiftSettings: settings
        ),
        .executableTarget(
            name: "leasectl",
            dependencies: [
                "LeaseClient", "LeaseCore", "SystemdNotify", "CLinux",
                // For backups only, which do not go through the socket.
                "LeaseStore",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: settings
        ),
        // Shared by the tests of several targets.
        .target(name: "TestSupport", path: "Tests/TestSupport", swiftSettings: settings),
        .testTarget(name: "LeaseCoreTests", dependencies: ["LeaseCore", "TestSupport"], swiftSettings: settings),
        .testTarget(
            name: "LeaseStoreTests",
            dependencies: [
                "LeaseStore", "LeaseCore", "CLinux", "TestSupport",
                .product(name: "GRDB", package: "GRDB.swift"),
                .product(name: "GRDBSQLite", package: "GRDB.swift"),
            ],
            swiftSettings: settings
        ),
        .testTarget(
            name: "LeaseWireTests",
            dependencies: [
                "LeaseWire", "LeaseCore", "TestSupport",
                .product(name: "NIOCore", package: "swift-nio"),
            ],
            swiftSettings: settings
        ),
        .testTarget(
            name: "LeaseServerTests",
            dependencies: [
                "LeaseServer", "LeaseStore", "LeaseWire", "LeaseCore", "LeaseClient", "SystemdNotify", "leased",
                "CLinux", "TestSupport",
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOEmbedded", package: "swift-nio"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ],
            swiftSettings: settings
        ),
        .testTarget(
            name: "LeaseClientTests",
            dependencies: [
                "LeaseClient", "LeaseServer", "LeaseWire", "LeaseCore",
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ],
            swiftSettings: settings
        ),
        .testTarget(
            name: "SystemdNotifyTests",
            dependencies: [
                "SystemdNotify", "NotifyProbe", "CLinux",
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: settings
        ),
        // The service that those tests start, each time with a different environment.
        .executableTarget(
            name: "NotifyProbe",
            dependencies: ["SystemdNotify", "CLinux"],
            path: "Tests/NotifyProbe",
            swiftSettings: settings
        ),
        // A command's way through parser, rules and journal, to count its instructions.
        .executableTarget(
            name: "CommandProbe",
            dependencies: [
                "LeaseStore", "LeaseWire", "LeaseCore",
                .product(name: "NIOCore", package: "swift-nio"),
            ],
            path: "Tests/CommandProbe",
            swiftSettings: settings
        ),
        // The finished programs of the tutorials, so that the tests can run them.
        .executableTarget(
            name: "TutorialMailer",
            dependencies: ["LeaseStore", "LeaseCore"],
            path: "Tests/Tutorials/Mailer",
            swiftSettings: settings
        ),
        .executableTarget(
            name: "TutorialNight",
            dependencies: ["LeaseStore", "LeaseCore"],
            path: "Tests/Tutorials/Night",
            swiftSettings: settings
        ),
        .executableTarget(
            name: "TutorialNightly",
            dependencies: ["LeaseClient", "LeaseCore"],
            path: "Tests/Tutorials/Nightly",
            swiftSettings: settings
        ),
        .executableTarget(
            name: "TutorialCandidate",
            dependencies: ["LeaseClient", "LeaseCore"],
            path: "Tests/Tutorials/Candidate",
            swiftSettings: settings
        ),
        .executableTarget(
            name: "TutorialTransfer",
            dependencies: ["LeaseClient", "LeaseCore"],
            path: "Tests/Tutorials/Transfer",
            swiftSettings: settings
        ),
        // An example service to copy: examples/swift-service.
        .executableTarget(
            name: "ExampleService",
            dependencies: [
                "LeaseClient", "LeaseCore",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
            ],
            path: "examples/swift-service/Sources",
            swiftSettings: settings
        ),
        .testTarget(
            name: "LeasectlTests",
            dependencies: ["leasectl", "LeaseClient", "LeaseCore", "CLinux", "TestSupport"],
            swiftSettings: settings
        ),
    ]
)
