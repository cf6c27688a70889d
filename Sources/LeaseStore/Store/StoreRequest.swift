package import LeaseCore

/// What is asked of values, prefixes and keys, to be decided within a batch.
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
    /// Removes all that the keys have: ``StoreAnswer/removed(keys:children:)``, or `TOOBIG`.
    case removeKeys([Key])
    /// Brings entries in, all or none: ``StoreAnswer/done``.
    case importEntries([StoreEntry])
}

/// What a request was answered, if it was not refused.
package enum StoreAnswer: Hashable, Sendable {
    case done
    case value([UInt8]?)
    case flag(Bool)
    /// How many keys had something, and how many children these had together, if there is a limit on that.
    case removed(keys: Int, children: Int)
}
