/// The names in the table `meta`.
enum Meta {
    /// The last journal row whose effect the tables hold.
    static let foldedThrough = "folded_through"
    /// The highest token issued up to that row.
    static let lastToken = "last_token"
    /// The boot whose clock the deadlines are on.
    static let bootIdentity = "boot_identity"
    /// The name of the function that hashes keys.
    static let keyHash = "key_hash"
    /// When the file was made as a backup, in microseconds since 1970; absent in a store.
    static let backup = "backup_us"
}
