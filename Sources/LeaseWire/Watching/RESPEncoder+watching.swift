package import LeaseCore
package import NIOCore

/// The frames of a subscriber: push frames in RESP3, arrays in RESP2, as in Redis.
extension RESPEncoder {
    /// What a subscription is to.
    package enum Topic {
        /// A lease's name.
        case channel
        /// A pattern of names.
        case pattern
    }

    /// Confirms a subscription, with the connection's number of channels and patterns.
    package func writeSubscribed(_ topic: Topic, _ name: [UInt8], count: Int, to buffer: inout ByteBuffer) {
        writePushHeader(3, to: &buffer)
        writeBulk(topic == .channel ? "subscribe" : "psubscribe", to: &buffer)
        writeBulk(name, to: &buffer)
        writeInteger(Int64(count), to: &buffer)
    }

    /// Confirms the end of a subscription, or with a `nil` name that there was none of the kind, and the number of
    /// channels and patterns that are left.
    package func writeUnsubscribed(_ topic: Topic, _ name: [UInt8]?, count: Int, to buffer: inout ByteBuffer) {
        writePushHeader(3, to: &buffer)
        writeBulk(topic == .channel ? "unsubscribe" : "punsubscribe", to: &buffer)
        if let name {
            writeBulk(name, to: &buffer)
        } else {
            writeNull(to: &buffer)
        }
        writeInteger(Int64(count), to: &buffer)
    }

    /// Writes a message on a lease's channel; with `pattern`, for its subscribers.
    package func writeMessage(
        _ message: String,
        on channel: LeaseName,
        matching pattern: Glob? = nil,
        to buffer: inout ByteBuffer
    ) {
        writePushHeader(pattern == nil ? 3 : 4, to: &buffer)
        writeBulk(pattern == nil ? "message" : "pmessage", to: &buffer)
        if let pattern {
            writeBulk(pattern.bytes, to: &buffer)
        }
        writeBulk(channel.bytes, to: &buffer)
        writeBulk(message, to: &buffer)
    }

    /// Writes the answer to `PING` for a subscriber, which expects only arrays in RESP2.
    package func writeSubscribersPong(_ message: ByteBuffer?, to buffer: inout ByteBuffer) {
        writeArrayHeader(2, to: &buffer)
        writeBulk("pong", to: &buffer)
        writeBulk(message ?? ByteBuffer(), to: &buffer)
    }
}
