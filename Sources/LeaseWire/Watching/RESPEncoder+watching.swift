package import LeaseCore
package import NIOCore

/// The frames of a subscriber: push frames in RESP3, arrays in RESP2, as Redis has them.
extension RESPEncoder {
    /// What a subscription is to.
    package enum Topic {
        /// A lease's name.
        case channel
        /// A pattern of names.
        case pattern
    }

    /// Writes that the connection is subscribed to something, and to how many channels and patterns in all.
    package func writeSubscribed(_ topic: Topic, _ name: [UInt8], count: Int, to buffer: inout ByteBuffer) {
        writePushHeader(3, to: &buffer)
        writeBulk(topic == .channel ? "subscribe" : "psubscribe", to: &buffer)
        writeBulk(name, to: &buffer)
        writeInteger(Int64(count), to: &buffer)
    }

    /// Writes that the connection is not subscribed to something, or to nothing of the kind if `name` is `nil`, and to how
    /// many channels and patterns it still is.
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

    /// Writes a message on a lease's channel; with `pattern`, to whoever subscribed to that.
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

    /// Writes the answer to `PING` for a subscriber, who in RESP2 expects nothing but arrays.
    package func writeSubscribersPong(_ message: ByteBuffer?, to buffer: inout ByteBuffer) {
        writeArrayHeader(2, to: &buffer)
        writeBulk("pong", to: &buffer)
        writeBulk(message ?? ByteBuffer(), to: &buffer)
    }
}
