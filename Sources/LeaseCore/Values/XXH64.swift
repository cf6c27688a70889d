/// XXH64 with seed 0: fast, stable across releases and machines, and well spread.
///
/// It gives keys their places on the ring, and tells whether a dump is complete. It protects against accidents, not
/// against attackers: anybody can make bytes with a given hash.
///
/// Written from the specification "xxHash fast digest algorithm", version 0.1.1 (XXH64). Input is processed in stripes
/// of 32 bytes on four lanes; the remainder is mixed in by 8, 4 and 1 bytes. A value of this type is a hash in
/// progress: it holds the lanes, and up to 31 bytes of an incomplete stripe.
package struct XXH64: Sendable {
    private static let prime1: UInt64 = 0x9E37_79B1_85EB_CA87
    private static let prime2: UInt64 = 0xC2B2_AE3D_27D4_EB4F
    private static let prime3: UInt64 = 0x1656_67B1_9E37_79F9
    private static let prime4: UInt64 = 0x85EB_CA77_C2B2_AE63
    private static let prime5: UInt64 = 0x27D4_EB2F_1656_67C5
    private static let stripe = 32

    private var lanes: (UInt64, UInt64, UInt64, UInt64) = (prime1 &+ prime2, prime2, 0, 0 &- prime1)
    private var rest: [UInt8] = []
    /// The number of bytes so far.
    private var count = 0

    /// Creates the hash of no bytes.
    package init() {}

    /// The hash of `bytes`.
    package static func hash(_ bytes: [UInt8]) -> UInt64 {
        bytes.withUnsafeBytes { bytes in
            var hash = XXH64()
            let whole = hash.takeStripes(bytes)
            hash.count = bytes.count
            return hash.finish(UnsafeRawBufferPointer(rebasing: bytes[whole...]))
        }
    }

    /// Adds more bytes.
    package mutating func update(_ bytes: some Collection<UInt8>) {
        rest.append(contentsOf: bytes)
        count += bytes.count
        let taken = rest.withUnsafeBytes { takeStripes($0) }
        rest.removeFirst(taken)
    }

    /// The hash of the bytes so far.
    package var value: UInt64 {
        rest.withUnsafeBytes { finish($0) }
    }

    /// Processes the whole stripes and returns how many bytes they have.
    private mutating func takeStripes(_ bytes: UnsafeRawBufferPointer) -> Int {
        var offset = 0
        while offset + Self.stripe <= bytes.count {
            lanes.0 = Self.round(lanes.0, Self.word(bytes, offset))
            lanes.1 = Self.round(lanes.1, Self.word(bytes, offset + 8))
            lanes.2 = Self.round(lanes.2, Self.word(bytes, offset + 16))
            lanes.3 = Self.round(lanes.3, Self.word(bytes, offset + 24))
            offset += Self.stripe
        }
        return offset
    }

    /// Mixes the lanes and the bytes after the last whole stripe.
    private func finish(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
        var hash = Self.prime5
        if count >= Self.stripe {
            hash = Self.rotate(lanes.0, 1) &+ Self.rotate(lanes.1, 7)
            hash = hash &+ Self.rotate(lanes.2, 12) &+ Self.rotate(lanes.3, 18)
            hash = Self.merge(Self.merge(Self.merge(Self.merge(hash, lanes.0), lanes.1), lanes.2), lanes.3)
        }
        hash &+= UInt64(count)
        var offset = 0
        while offset + 8 <= bytes.count {
            hash = Self.rotate(hash ^ Self.round(0, Self.word(bytes, offset)), 27) &* Self.prime1 &+ Self.prime4
            offset += 8
        }
        if offset + 4 <= bytes.count {
            let half = UInt64(UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self)))
            hash = Self.rotate(hash ^ (half &* Self.prime1), 23) &* Self.prime2 &+ Self.prime3
            offset += 4
        }
        while offset < bytes.count {
            hash = Self.rotate(hash ^ (UInt64(bytes[offset]) &* Self.prime5), 11) &* Self.prime1
            offset += 1
        }
        hash = (hash ^ (hash >> 33)) &* Self.prime2
        hash = (hash ^ (hash >> 29)) &* Self.prime3
        return hash ^ (hash >> 32)
    }

    private static func round(_ accumulator: UInt64, _ lane: UInt64) -> UInt64 {
        rotate(accumulator &+ lane &* prime2, 31) &* prime1
    }

    private static func merge(_ hash: UInt64, _ lane: UInt64) -> UInt64 {
        (hash ^ round(0, lane)) &* prime1 &+ prime4
    }

    private static func rotate(_ value: UInt64, _ count: UInt64) -> UInt64 {
        value << count | value >> (64 - count)
    }

    private static func word(_ bytes: UnsafeRawBufferPointer, _ offset: Int) -> UInt64 {
        UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
    }
}
