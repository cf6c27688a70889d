/// The value that `put` writes: 100 bytes.
enum StoredValue {
    static let text = String(repeating: "0123456789", count: 10)
}
