/// The release, in one place: `leased --version`, `HELLO` and `INFO` say the same.
package enum LeasedVersion {
    /// The version by semver.org.
    package static let current = "0.1.0"
}
