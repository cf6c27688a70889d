// swift-tools-version: 6.2

import PackageDescription

let package = Package(
    name: "nightly",
    dependencies: [
        .package(path: "../leased")
    ],
    targets: [
        .executableTarget(
            name: "nightly",
            dependencies: [
                .product(name: "LeaseClient", package: "leased"),
                .product(name: "LeaseCore", package: "leased"),
            ]
        )
    ]
)
