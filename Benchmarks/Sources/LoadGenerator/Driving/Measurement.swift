/// One measurement of one peer, from connecting to closing.
package struct Measurement: Sendable {
    package let peer: PeerKind
    /// The peer's Unix socket.
    ///
    /// For PostgreSQL the folder of its socket, for flock the folder of the locked files.
    package let path: String
    package let plan: LoadPlan
    package let names: LockNames
    package let nameCount: Int
    package let order: NameChooser.Order
    package let seed: UInt64
    package let ttl: String
    package let processes: ProcessTree?

    package init(
        peer: PeerKind,
        path: String,
        plan: LoadPlan,
        names: LockNames,
        nameCount: Int,
        order: NameChooser.Order,
        seed: UInt64,
        ttl: String,
        processes: ProcessTree?
    ) {
        self.peer = peer
        self.path = path
        self.plan = plan
        self.names = names
        self.nameCount = nameCount
        self.order = order
        self.seed = seed
        self.ttl = ttl
        self.processes = processes
    }

    /// - Throws: `LoadError`; nothing was measured then.
    package func run() throws -> Figures {
        switch peer {
        case .leased:
            try drive { _, lanes in
                let dialect = LeasedDialect(names: names, lanes: lanes, ttl: ttl)
                return try RESPConnection(path: path, lanes: lanes, dialect: dialect)
            }
        case .redis:
            try drive { index, lanes in
                let dialect = RedisDialect(names: names, lanes: lanes, client: index)
                return try RESPConnection(path: path, lanes: lanes, dialect: dialect)
            }
        case .etcd:
            try drive { _, lanes in
                try EtcdConnection(path: path, lanes: lanes, names: names)
            }
        case .postgresql:
            try drive { index, lanes in
                try PostgreSQLConnection(folder: path, lanes: lanes, names: names, client: index)
            }
        case .flock:
            try FlockFloor(folder: path, names: names).run(
                plan,
                names: NameChooser(count: nameCount, order: order, seed: seed)
            )
        }
    }

    private func drive<Connection: PeerConnection>(_ connect: (_ index: Int, _ lanes: Int) throws -> Connection) throws
        -> Figures
    {
        var connections: [Connection] = []
        defer {
            for connection in connections { connection.close() }
        }
        for (index, lanes) in plan.lanesOfConnections.enumerated() {
            connections.append(try connect(index, lanes))
        }
        let chooser = NameChooser(count: nameCount, order: order, seed: seed)
        return try LoadRun(plan: plan, connections: connections, names: chooser, processes: processes).run()
    }
}
