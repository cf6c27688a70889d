/// The release, in one place: `leased --version`, `HELLO` and `INFO` say the same.
public enum LeasedVersion {
    /// The version by semver.org.
    public static let current = "0.1.0"
}
