package import LeaseCore

/// A request about values, prefixes or keys, to be decided within a batch.
package enum StoreRequest: Sendable {
    /// Inserts or overwrites the simple value: ``StoreAnswer/done``.
    case put(Key, [UInt8])
    /// Reads the simple value: ``StoreAnswer/value(_:)``.
    case get(Key)
    /// Removes the simple value: ``StoreAnswer/flag(_:)``, whether it was there.
    case delete(Key)
    /// Puts a child under the key: ``StoreAnswer/done``, or `EXISTS`.
    case append(Key, child: Key)
    /// Tells whether the key has the child: ``StoreAnswer/flag(_:)``.
    case contains(Key, child: Key)
    /// Removes a child: ``StoreAnswer/flag(_:)``, whether it was there.
    case removeChild(Key, child: Key)
    /// Removes everything that the keys have: ``StoreAnswer/removed(keys:children:)``, or `TOOBIG`.
    case removeKeys([Key])
    /// Imports entries, all or none: ``StoreAnswer/done``.
    case importEntries([StoreEntry])
}

/// The answer to a request that was not refused.
package enum StoreAnswer: Hashable, Sendable {
    case done
    case value([UInt8]?)
    case flag(Bool)
    /// How many keys had something, and how many children they had together, if that is limited.
    case removed(keys: Int, children: Int)
}
