import LeaseCore
import LeaseWire
import NIOCore

/// The commands about a connection; none of them touches the store.
extension Engine {
    func connection(_ command: ConnectionCommand, for session: Session, now: Moment) {
        switch command {
        case .ping(let message) where isConfined(session):
            session.reply { $0.writeSubscribersPong(message, to: &$1) }
        case .ping(nil):
            session.reply { $0.writeSimpleString("PONG", to: &$1) }
        case .ping(let message?), .echo(let message):
            session.reply { $0.writeBulk(message, to: &$1) }
        case .hello(let hello):
            greet(session, hello)
        case .client(let command):
            client(command, session, now)
        case .select:
            session.reply { $0.writeOK(to: &$1) }
        case .reset:
            endSubscriptions(of: session.id)
            session.encoder.version = .resp2
            session.name = .empty
            session.reply { $0.writeSimpleString("RESET", to: &$1) }
        case .quit:
            session.reply { $0.writeOK(to: &$1) }
            session.isEnding = true
        }
    }

    private func greet(_ session: Session, _ hello: HelloCommand) {
        if let version = hello.version {
            session.encoder.version = version
        }
        if let name = hello.name {
            session.name = name
        }
        session.reply { encoder, buffer in
            encoder.write(
                .fields([
                    ("server", .text("leased")),
                    ("version", .text(LeasedVersion.current)),
                    ("proto", .integer(Int64(encoder.version.rawValue))),
                    ("id", .integer(session.id.rawValue)),
                    ("mode", .text("standalone")),
                    ("role", .text("master")),
                    ("modules", .array([])),
                ]),
                to: &buffer
            )
        }
    }

    private func client(_ command: ClientCommand, _ session: Session, _ now: Moment) {
        switch command {
        case .setName(let name):
            session.name = name
            session.reply { $0.writeOK(to: &$1) }
        case .getName:
            let name = session.name.text
            session.reply { name.isEmpty ? $0.writeNull(to: &$1) : $0.writeBulk(name, to: &$1) }
        case .id:
            session.reply { $0.writeInteger(session.id.rawValue, to: &$1) }
        case .setInfo(let attribute, let value):
            session.attributes[attribute] = value
            session.reply { $0.writeOK(to: &$1) }
        case .list:
            list(nil, for: session, now: now)
        }
    }

    /// The reply to `CLIENT LIST`: the asking user's connections; all of them for an administrator.
    func listConnections(for listing: Listing) -> Result<ByteBuffer, LeaseError> {
        var shown = Array(sessions.values)
        if !listing.isAdministrator {
            shown.removeAll { $0.peer.uid != listing.user }
        }
        shown.sort { $0.id.rawValue < $1.id.rawValue }
        let limit = configuration.limits.listBytes
        var text = ""
        for session in shown {
            text += line(of: session, now: listing.now)
            guard text.utf8.count <= limit else {
                let message = "the list of \(shown.count) connections is over \(limit) bytes; raise limits.list-bytes"
                return .failure(LeaseError(.tooBig, message))
            }
        }
        var reply = ByteBuffer()
        listing.encoder.writeText(text, to: &reply)
        return .success(reply)
    }

    /// A line of `CLIENT LIST` in Redis's form, with the peer's credentials in place of an address.
    private func line(of session: Session, now: Moment) -> String {
        let age = session.connectedAt.boot.duration(to: now.boot).components.seconds
        // A blank would end the value for a program that reads the line.
        func word(_ label: Label?) -> String { (label?.text ?? "").split(separator: " ").joined(separator: "_") }
        return "id=\(session.id) uid=\(session.peer.uid) gid=\(session.peer.gid) pid=\(session.peer.pid)"
            + " name=\(word(session.name)) age=\(age) waiting=\(session.wait == nil ? 0 : 1) tie=\(session.isTie ? 1 : 0)"
            + " sub=\(subscriptions.channelCount(of: session.id)) psub=\(subscriptions.patternCount(of: session.id))"
            + " resp=\(session.encoder.version.rawValue)"
            + " lib-name=\(word(session.attributes[.libraryName])) lib-ver=\(word(session.attributes[.libraryVersion]))\n"
    }
}
