/// The peers that can be driven.
package enum PeerKind: String, Sendable, CaseIterable {
    case leased
    case redis
    case etcd
    case postgresql
    case flock
}
