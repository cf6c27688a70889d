// swift-tools-version: 6.2

import PackageDescription

let package = Package(
    name: "mailer",
    platforms: [.macOS(.v15)],
    dependencies: [
        .package(path: "../leased")
    ],
    targets: [
        .executableTarget(name: "mailer")
    ]
)
