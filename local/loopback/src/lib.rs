//! What all loopback servers share: listener, signature check, access log, full disk.
