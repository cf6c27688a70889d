// swift-tools-version: 6.2

import PackageDescription

let package = Package(
    name: "mailer",
    dependencies: [
        .package(path: "../leased")
    ],
    targets: [
        .executableTarget(name: "mailer")
    ]
)
