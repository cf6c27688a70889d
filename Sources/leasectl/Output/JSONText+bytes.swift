import LeaseCore

extension JSONText {
    /// The members that show bytes: under `key` as text if they are UTF-8.
    ///
    /// If they are not, `key` has printable ASCII as it is and every other byte as `\xHH`, and `key_base64` has the
    /// bytes themselves.
    static func bytes(_ key: String, _ bytes: [UInt8]) -> [Member] {
        if let text = String(validating: bytes, as: UTF8.self) { return [Member(key, .string(text))] }
        return [
            Member(key, .string(EscapedBytes.text(bytes))), Member("\(key)_base64", .string(Base64.text(bytes))),
        ]
    }
}
