import Glibc
import LeaseCore
import LeaseStore
import LeaseWire

/// `INFO`: how the daemon is, in Redis's form of sections and `name:value` lines.
extension Engine {
    /// The sections, or the one named, case ignored; `all`, `everything` and `default` are all of them.
    ///
    /// An unknown section is empty, as in Redis.
    func information(section: String?, now: Moment) -> String {
        let wanted = section?.lowercased()
        let isAll = wanted.map { ["all", "everything", "default"].contains($0) } ?? true
        return sections(now: now)
            .filter { isAll || $0.name.lowercased() == wanted }
            .map { section in
                "# \(section.name)\r\n" + section.fields.map { "\($0.0):\($0.1)\r\n" }.joined()
            }
            .joined(separator: "\r\n")
    }

    private typealias Section = (name: String, fields: [(String, String)])

    private func sections(now: Moment) -> [Section] {
        let figures = backend.figures
        return [
            (
                "Server",
                [
                    ("leased_version", LeasedVersion.current),
                    ("process_id", "\(getpid())"),
                    ("uptime_in_seconds", "\(startedAt.boot.duration(to: now.boot).components.seconds)"),
                    ("socket", configuration.socketPath),
                    ("access_rules", "\(configuration.accessRules.count)"),
                ]
            ),
            (
                "Clients",
                [
                    ("connected_clients", "\(sessions.count)"),
                    ("maxclients", "\(configuration.limits.connections)"),
                    ("waiting_clients", "\(waiting.lines.count)"),
                    ("waiting_clients_limit", "\(configuration.limits.waiters)"),
                    ("ties", "\(tieCounts.total)"),
                    ("ties_limit", "\(configuration.limits.ties)"),
                ]
            ),
            (
                "Leases",
                [
                    ("leases_held", "\(figures.leases)"),
                    ("leases_limit", "\(configuration.limits.leases)"),
                    ("longest_ttl_ms", "\(configuration.limits.values.ttl.milliseconds)"),
                    ("last_token", figures.lastToken.map { "\($0)" } ?? "0"),
                    ("token_ahead_of_wall_ms", "\(figures.tokenLead.wholeMilliseconds)"),
                ]
            ),
            (
                "Watching",
                [
                    ("pubsub_clients", "\(subscriptions.sessionCount)"),
                    ("pubsub_channels", "\(subscriptions.channelCount)"),
                    ("pubsub_patterns", "\(subscriptions.patternCount)"),
                    ("pubsub_patterns_limit", "\(configuration.limits.patterns)"),
                    ("subscriptions", "\(subscriptions.count)"),
                    ("subscriptions_limit", "\(configuration.limits.subscriptions)"),
                    ("unsent_message_bytes", "\(backlog.total)"),
                    ("total_messages_sent", "\(counters.messages)"),
                    ("dropped_subscribers", "\(counters.droppedSubscribers)"),
                ]
            ),
            (
                "Store",
                [
                    ("store_path", figures.path),
                    ("store_backend", "sqlite"),
                    ("store_bytes", "\(figures.fileBytes)"),
                    ("store_used_bytes", "\(figures.usedBytes)"),
                    ("store_bytes_limit", "\(configuration.limits.storeBytes)"),
                    ("store_log_bytes", "\(figures.walBytes)"),
                    ("store_journal_sequence", "\(figures.sequence)"),
                    ("store_journal_backlog", "\(figures.foldBacklog)"),
                    ("store_history_rows", "\(figures.historyRows)"),
                    ("store_key_hash", figures.keyHash),
                ]
            ),
            (
                "Stats",
                [
                    ("total_connections_received", "\(counters.connections)"),
                    ("rejected_connections", "\(counters.refusedConnections)"),
                    ("total_commands_processed", "\(counters.commands)"),
                    ("total_commits", "\(counters.commits)"),
                    ("refused_commits", "\(counters.refusedCommits)"),
                    ("protocol_errors", "\(counters.protocolErrors)"),
                    ("total_net_output_bytes", "\(counters.bytesOut)"),
                ]
            ),
            (
                "Errorstats",
                LeaseError.Code.all.compactMap { code in
                    counters.refusals[code].map { ("errorstat_\(code.word)", "count=\($0)") }
                }
            ),
        ]
    }
}
