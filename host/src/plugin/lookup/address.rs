//! Which addresses the gate connects to for a rule.
//!
//! The lists follow the IANA special-purpose address registries (RFC 6890): what is not globally reachable is private.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Whether an address may be connected to. `private` admits those of the site's own networks; addresses that are nobody's
/// or everybody's are never admitted.
pub(super) fn is_admitted(address: IpAddr, private: bool) -> bool {
    match address {
        IpAddr::V4(address) => !is_nobodys(address) && (private || !is_private(address)),
        IpAddr::V6(address) => is_admitted_v6(address, private),
    }
}

/// Unspecified, multicast, reserved, broadcast.
fn is_nobodys(address: Ipv4Addr) -> bool {
    let first = address.octets()[0];
    first == 0 || first >= 224
}

fn is_private(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_documentation()
        // Shared by the customers of a provider (RFC 6598).
        || (a == 100 && b & 0xc0 == 64)
        // Protocol assignments, and the anycast relays of 6to4.
        || (a, b, c) == (192, 0, 0)
        || (a, b, c) == (192, 88, 99)
        // Benchmarks (RFC 2544).
        || (a == 198 && b & 0xfe == 18)
}

fn is_admitted_v6(address: Ipv6Addr, private: bool) -> bool {
    let parts = address.segments();
    // What another address is wrapped into leads to that one: IPv4-mapped, and NAT64 as DNS64 makes it (RFC 6052).
    if parts[..6] == [0, 0, 0, 0, 0, 0xffff] || parts[..6] == [0x64, 0xff9b, 0, 0, 0, 0] {
        let [.., a, b] = parts;
        return is_admitted(Ipv4Addr::from(u32::from(a) << 16 | u32::from(b)).into(), private);
    }
    if address.is_unspecified() || address.is_multicast() {
        return false;
    }
    // Global unicast, without what IETF protocols, 6to4 and documentation have of it. All else, such as loopback,
    // link-local and unique local addresses, is private.
    let global = parts[0] & 0xe000 == 0x2000
        && !(parts[0] == 0x2001 && parts[1] < 0x0200)
        && !(parts[0] == 0x2001 && parts[1] == 0x0db8)
        && parts[0] != 0x2002
        && !(parts[0] == 0x3fff && parts[1] < 0x1000);
    global || private
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(address: &str, public: bool, private: bool) {
        let parsed = address.parse().unwrap();
        assert_eq!((is_admitted(parsed, false), is_admitted(parsed, true)), (public, private), "{address}");
    }

    #[test]
    fn public_addresses_are_admitted() {
        for address in
            ["1.1.1.1", "100.63.0.1", "100.128.0.1", "172.32.0.1", "198.20.0.1", "2606:4700::1111", "64:ff9b::101:101"]
        {
            check(address, true, true);
        }
    }

    #[test]
    fn addresses_of_the_site_need_a_word() {
        for address in [
            "127.0.0.1",
            "127.255.255.254",
            "10.0.0.1",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "100.127.255.255",
            "192.0.0.8",
            "192.0.2.1",
            "198.18.0.1",
            "203.0.113.7",
            "::1",
            "fe80::1",
            "fc00::1",
            "fd12:3456::1",
            "fec0::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::127.0.0.1",
            "64:ff9b::a00:1",
            "2001::1",
            "2001:db8::1",
            "2002:a00:1::",
            "3fff::1",
        ] {
            check(address, false, true);
        }
    }

    #[test]
    fn nobodys_addresses_are_never_admitted() {
        for address in
            ["0.0.0.0", "0.1.2.3", "224.0.0.1", "240.0.0.1", "255.255.255.255", "::", "ff02::1", "::ffff:0.0.0.0"]
        {
            check(address, false, false);
        }
    }
}
