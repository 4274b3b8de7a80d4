//! Which addresses are not public: the special-purpose registries of IANA (RFC 6890),
//! IPv4 and IPv6.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

/// A text that is no network.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no network: write one such as 10.0.0.0/8 or fd00::/8")]
pub struct BadNetwork(String);

/// Reads a network in CIDR notation, or an address that is one by itself.
///
/// # Errors
///
/// When it is neither.
pub fn parse_network(text: &str) -> Result<IpNet, BadNetwork> {
    let text = text.trim();
    let network = text.parse::<IpNet>().ok();
    let network = network.or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from));
    network
        .map(|network| network.trunc())
        .ok_or_else(|| BadNetwork(text.chars().take(64).collect()))
}

type V4 = (Ipv4Addr, u32, &'static str);
type V6 = (Ipv6Addr, u32, &'static str);

const fn v4(a: u8, b: u8, c: u8, d: u8) -> Ipv4Addr {
    Ipv4Addr::new(a, b, c, d)
}

const fn v6(a: u16, b: u16, c: u16) -> Ipv6Addr {
    Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0)
}

const V4_NOT_PUBLIC: [V4; 17] = [
    (v4(0, 0, 0, 0), 8, "this host or network"),
    (v4(10, 0, 0, 0), 8, "private"),
    (v4(100, 64, 0, 0), 10, "shared by a carrier (CGNAT)"),
    (v4(127, 0, 0, 0), 8, "this machine (loopback)"),
    (
        v4(169, 254, 0, 0),
        16,
        "link-local, where clouds keep metadata",
    ),
    (v4(172, 16, 0, 0), 12, "private"),
    (v4(192, 0, 0, 0), 24, "reserved for protocols"),
    (v4(192, 0, 2, 0), 24, "for documentation"),
    (v4(192, 31, 196, 0), 24, "reserved (AS112)"),
    (v4(192, 52, 193, 0), 24, "reserved (AMT)"),
    (v4(192, 88, 99, 0), 24, "reserved (6to4 relay)"),
    (v4(192, 168, 0, 0), 16, "private"),
    (v4(192, 175, 48, 0), 24, "reserved (AS112)"),
    (v4(198, 18, 0, 0), 15, "for benchmarks"),
    (v4(198, 51, 100, 0), 24, "for documentation"),
    (v4(203, 0, 113, 0), 24, "for documentation"),
    // Multicast, reserved and broadcast.
    (v4(224, 0, 0, 0), 3, "multicast or reserved"),
];

/// Within 2000::/3; nothing else is public.
const V6_NOT_PUBLIC: [V6; 6] = [
    (
        v6(0x2001, 0, 0),
        23,
        "reserved for protocols (Teredo, ORCHID)",
    ),
    (v6(0x2001, 0xdb8, 0), 32, "for documentation"),
    (v6(0x2002, 0, 0), 16, "6to4, which embeds another address"),
    (v6(0x2620, 0x4f, 0x8000), 48, "reserved (AS112)"),
    (v6(0x3ffe, 0, 0), 16, "retired (6bone)"),
    (v6(0x3fff, 0, 0), 20, "for documentation"),
];

/// Addresses that are named for what they are.
const V6_NAMED: [V6; 7] = [
    (Ipv6Addr::LOCALHOST, 128, "this machine (loopback)"),
    (Ipv6Addr::UNSPECIFIED, 128, "unspecified"),
    (
        v6(0x64, 0xff9b, 0),
        32,
        "NAT64, which embeds another address",
    ),
    (v6(0xfc00, 0, 0), 7, "private (unique-local)"),
    (v6(0xfe80, 0, 0), 10, "link-local"),
    (v6(0xfec0, 0, 0), 10, "private (site-local)"),
    (v6(0xff00, 0, 0), 8, "multicast"),
];

/// What an address is, unless it is public. IPv4 in IPv6 is to be unwrapped before.
pub(super) fn not_public(address: IpAddr) -> Option<&'static str> {
    match address {
        IpAddr::V4(address) => {
            let within = |(net, bits, _): &&V4| {
                let shift = 32 - bits;
                address.to_bits() >> shift == net.to_bits() >> shift
            };
            V4_NOT_PUBLIC.iter().find(within).map(|(.., why)| *why)
        }
        IpAddr::V6(address) => {
            let within = |(net, bits, _): &&V6| {
                let shift = 128 - bits;
                address.to_bits() >> shift == net.to_bits() >> shift
            };
            let named = V6_NAMED.iter().chain(&V6_NOT_PUBLIC).find(within);
            if let Some((.., why)) = named {
                return Some(why);
            }
            let global_unicast = address.segments()[0] >> 13 == 0b001;
            (!global_unicast).then_some("not a public address")
        }
    }
}
