//! Network interfaces, from `/proc/net/dev` (proc(5)). Raw counters are facts; rates are derived from two lines.

use anyhow::bail;

use super::{Collector, Host, Reading};
use crate::metric::Derived::{Rate, Summed};
use crate::metric::{Metric, Unit};
use crate::sample::{Entry, Values};
use crate::series::label_text;

static RECEIVED_RATE: Metric = Metric::rate(
    "network_received_rate",
    Unit::BytesPerSecond,
    "Bytes received a second since the previous sample by the measured cards, or by a ppp line if that carries more; on a host without a card, by all measured interfaces but lo.",
)
.phrased("receiving {value}")
.in_overview();
static SENT_RATE: Metric = Metric::rate(
    "network_sent_rate",
    Unit::BytesPerSecond,
    "Bytes sent a second since the previous sample by the measured cards, or by a ppp line if that carries more; on a host without a card, by all measured interfaces but lo.",
)
.phrased("sending {value}")
.in_overview();
static RECEIVED: Metric = Metric::counter(
    "network_received",
    Unit::Bytes,
    &[Summed(&RECEIVED_RATE)],
    "Bytes received since boot on all interfaces but lo.",
)
.phrased("{value} received");
static SENT: Metric = Metric::counter(
    "network_sent",
    Unit::Bytes,
    &[Summed(&SENT_RATE)],
    "Bytes sent since boot on all interfaces but lo.",
)
.phrased("{value} sent");

static INTERFACE_RECEIVED_RATE: Metric = Metric::rate(
    "interface_received_rate",
    Unit::BytesPerSecond,
    "Bytes received a second since the previous sample.",
)
.labelled("interface")
.phrased("{label} receiving {value}");
static INTERFACE_SENT_RATE: Metric = Metric::rate(
    "interface_sent_rate",
    Unit::BytesPerSecond,
    "Bytes sent a second since the previous sample.",
)
.labelled("interface")
.phrased("{label} sending {value}");
static INTERFACE_ERRORS_RATE: Metric = Metric::rate(
    "interface_errors_rate",
    Unit::PerSecond,
    "Receive and transmit errors a second since the previous sample.",
)
.labelled("interface")
.phrased("{label} errors {value}");
static INTERFACE_DROPS_RATE: Metric = Metric::rate(
    "interface_drops_rate",
    Unit::PerSecond,
    "Packets dropped a second since the previous sample.",
)
.labelled("interface")
.phrased("{label} drops {value}");
static INTERFACE_RECEIVED: Metric = Metric::counter(
    "interface_received",
    Unit::Bytes,
    &[Rate(&INTERFACE_RECEIVED_RATE)],
    "Bytes received since boot.",
)
.labelled("interface")
.phrased("{label} {value} received");
static INTERFACE_SENT: Metric = Metric::counter(
    "interface_sent",
    Unit::Bytes,
    &[Rate(&INTERFACE_SENT_RATE)],
    "Bytes sent since boot.",
)
.labelled("interface")
.phrased("{label} {value} sent");
static INTERFACE_ERRORS: Metric = Metric::counter(
    "interface_errors",
    Unit::Count,
    &[Rate(&INTERFACE_ERRORS_RATE)],
    "Receive and transmit errors since boot.",
)
.labelled("interface")
.phrased("{label} {value} errors")
.apart();
static INTERFACE_DROPS: Metric = Metric::counter(
    "interface_drops",
    Unit::Count,
    &[Rate(&INTERFACE_DROPS_RATE)],
    "Packets dropped on receiving and sending since boot.",
)
.labelled("interface")
.phrased("{label} {value} drops")
.apart();

pub static COLLECTOR: Collector = Collector::new(
    "network",
    &[
        &RECEIVED_RATE,
        &SENT_RATE,
        &RECEIVED,
        &SENT,
        &INTERFACE_RECEIVED_RATE,
        &INTERFACE_SENT_RATE,
        &INTERFACE_ERRORS_RATE,
        &INTERFACE_DROPS_RATE,
        &INTERFACE_RECEIVED,
        &INTERFACE_SENT,
        &INTERFACE_ERRORS,
        &INTERFACE_DROPS,
    ],
    collect,
)
.following(sum);

/// The host's own traffic with itself, and the plumbing of containers and virtual machines, whose traffic the
/// bridge or the card shows already. Of the names that systemd.net-naming-scheme(7) makes, `eni*` is that of a
/// simulated card alone.
const PLUMBING: &[&str] = &[
    "lo", "veth*", "br-*", "docker*", "podman*", "virbr*", "vnet*", "tap*", "lxc*", "lxdbr*",
    "incusbr*", "fwbr*", "fwln*", "fwpr*", "cni*", "cali*", "cilium*", "flannel*", "eni*", "azv*",
    "ifb*",
];

/// The kernel allows no more (`IFNAMSIZ`).
const NAME_BYTES: usize = 15;

struct Interface {
    name: String,
    received: u64,
    sent: u64,
    errors: u64,
    drops: u64,
}

fn collect(host: &Host<'_>, reading: &mut Reading) -> anyhow::Result<()> {
    let interfaces = parse(&host.read("proc/net/dev")?);
    if interfaces.is_empty() {
        bail!("could not understand /proc/net/dev: no interface");
    }
    let outside = || interfaces.iter().filter(|interface| interface.name != "lo");
    if outside().next().is_some() {
        reading.values.set(
            &RECEIVED,
            outside().fold(0, |sum: u64, interface| sum.saturating_add(interface.received)),
        );
        reading.values.set(
            &SENT,
            outside().fold(0, |sum: u64, interface| sum.saturating_add(interface.sent)),
        );
    }
    for interface in &interfaces {
        let left_out = host.settings.interfaces.excludes(&interface.name)
            || PLUMBING.iter().any(|pattern| crate::series::glob(pattern, &interface.name));
        if host.settings.interfaces.includes(&interface.name) || !left_out {
            fill(interface, &mut reading.values);
            if is_card(host, &interface.name) {
                reading.cards.push(interface.name.clone());
            }
        }
    }
    Ok(())
}

fn is_card(host: &Host<'_>, name: &str) -> bool {
    !name.contains('/') && host.path("sys/class/net").join(name).join("device").exists()
}

/// The rates of the host. Bridges, bonds, tunnels and the like carry what a card carries too; a container has no card.
fn sum(reading: &mut Reading) {
    let cards = &reading.cards;
    let counts = |name: &String| if cards.is_empty() { name != "lo" } else { cards.contains(name) };
    for (of_each, of_all) in
        [(&INTERFACE_RECEIVED_RATE, &RECEIVED_RATE), (&INTERFACE_SENT_RATE, &SENT_RATE)]
    {
        let Some(Entry::Labelled(rates)) = reading.values.entry(of_each.name) else { continue };
        let of = |meant: &dyn Fn(&String) -> bool| {
            let rates = rates.iter().filter(|(name, _)| meant(name));
            rates.map(|(_, rate)| rate.as_f64()).reduce(|sum, rate| sum + rate)
        };
        // What a modem carries over a serial line passes no card, and over a card not more than that carries.
        let sum = of(&counts).into_iter().chain(of(&|name| name.starts_with("ppp")));
        // Without any rate there is no sum.
        if let Some(rate) = sum.reduce(f64::max) {
            reading.values.set(of_all, rate);
        }
    }
}

fn fill(interface: &Interface, values: &mut Values) {
    values.set_for(&INTERFACE_RECEIVED, &interface.name, interface.received);
    values.set_for(&INTERFACE_SENT, &interface.name, interface.sent);
    values.set_for(&INTERFACE_ERRORS, &interface.name, interface.errors);
    values.set_for(&INTERFACE_DROPS, &interface.name, interface.drops);
}

/// `name: bytes packets errs drop fifo frame compressed multicast bytes packets errs drop …`; an odd line is left out.
fn parse(content: &[u8]) -> Vec<Interface> {
    content.split(|byte| *byte == b'\n').filter_map(parse_line).collect()
}

fn parse_line(line: &[u8]) -> Option<Interface> {
    // Names may hold colons (aliases), numbers do not.
    let colon = line.iter().rposition(|byte| *byte == b':')?;
    let (name, numbers) = line.split_at_checked(colon)?;
    let name = name.trim_ascii();
    if !(1..=NAME_BYTES).contains(&name.len()) {
        return None;
    }
    let columns: Option<Vec<u64>> = std::str::from_utf8(numbers)
        .ok()?
        .strip_prefix(':')?
        .split_ascii_whitespace()
        .map(|column| column.parse().ok())
        .collect();
    match columns?.as_slice() {
        [received, _, errors_in, drops_in, _, _, _, _, sent, _, errors_out, drops_out, ..] => {
            Some(Interface {
                name: label_text(name),
                received: *received,
                sent: *sent,
                errors: errors_in.saturating_add(*errors_out),
                drops: drops_in.saturating_add(*drops_out),
            })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{fixture, tree};
    use super::super::{Filter, Settings};
    use super::*;
    use crate::rates::derive;
    use std::fs;

    fn collected(name: &str) -> Values {
        let mut reading = Reading::default();
        let root = tree(name);
        collect(&fixture(&root), &mut reading).unwrap();
        reading.values
    }

    #[test]
    fn a_line_gives_bytes_errors_and_drops_of_both_ways() {
        let line = b"  eth0: 1000 10 1 2 0 0 0 0 2000 20 3 4 0 0 0 0";
        let interface = parse_line(line).unwrap();
        assert_eq!(
            (
                interface.name.as_str(),
                interface.received,
                interface.sent,
                interface.errors,
                interface.drops
            ),
            ("eth0", 1000, 2000, 4, 6)
        );
    }

    #[test]
    fn headings_and_odd_lines_are_left_out() {
        assert!(parse(b"Inter-|   Receive  |  Transmit\n face |bytes packets\nx: 1 2 3\ny: a b c d e f g h i j k l\n\n").is_empty());
    }

    #[test]
    fn what_is_longer_than_a_name_can_be_is_no_interface() {
        let line = |name: &str| format!("{name}: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16");
        let is_read = |name: &str| parse_line(line(name).as_bytes()).is_some();
        assert!(is_read("enx0123456789ab") && is_read("eth0:1"));
        assert!(!is_read("enx0123456789abc") && !is_read(" ") && !is_read(&"x: ".repeat(9_999)));
    }

    #[test]
    fn the_host_is_the_sum_of_all_interfaces_but_lo() {
        let values = collected("raspberry-pi-4");
        assert!(
            values.get("network_received", None).unwrap()
                >= values.get("interface_received", Some("eth0")).unwrap()
        );
        assert_eq!(values.get("interface_received", Some("lo")), None);
    }

    #[test]
    fn the_plumbing_of_containers_is_left_out_by_default() {
        let values = collected("x86-server");
        let labels: Vec<_> = values
            .points()
            .filter(|(name, ..)| *name == "interface_sent")
            .filter_map(|(_, label, _)| label)
            .collect();
        assert_eq!(labels, ["eno1", "eno2"]);
    }

    #[test]
    fn no_name_of_a_card_is_one_of_plumbing() {
        let is_plumbing =
            |name: &str| PLUMBING.iter().any(|pattern| crate::series::glob(pattern, name));
        let plumbing = "lxcab12cd34 lxcbr0 lxdbr0 incusbr0 eni8ea2c11fe35 azv0a1b2c3d4e5 cilium_host \
                        fwbr100i0 fwln100i0 fwpr100p0 podman0 veth100i0 tap100i0";
        assert_eq!(plumbing.split(' ').find(|name| !is_plumbing(name)), None);
        let others = "eth0 end0 enp3s0 eno1 ens3 enx0123456789ab enP2p1s0 enX0 enahisic2i0 wlan0 usb0 \
                      wwan0 br0 bond0 vmbr0 tun0 wg0";
        assert_eq!(others.split(' ').find(|name| is_plumbing(name)), None);
    }

    #[test]
    fn an_include_wins() {
        let root = tree("x86-server");
        let filter = Filter { include: vec!["docker0".into()], exclude: vec!["*".into()] };
        let settings = Settings { interfaces: filter, ..Settings::default() };
        let mut reading = Reading::default();
        collect(&Host { settings: &settings, ..fixture(&root) }, &mut reading).unwrap();
        assert!(reading.values.get("interface_sent", Some("docker0")).is_some());
        assert_eq!(reading.values.get("interface_sent", Some("eno1")), None);
    }

    /// What follows from two readings, one second apart, of interfaces with so many bytes received and sent, on a host
    /// that has these cards and measures lo.
    fn rates(cards: &[&str], before: &[(&str, u64)], after: &[(&str, u64)]) -> [Option<f64>; 2] {
        let root = tempfile::tempdir().unwrap();
        for card in cards {
            fs::create_dir_all(root.path().join("sys/class/net").join(card).join("device"))
                .unwrap();
        }
        fs::create_dir_all(root.path().join("proc/net")).unwrap();
        let interfaces = Filter { include: vec!["lo".into()], ..Filter::default() };
        let settings = Settings { interfaces, ..Settings::default() };
        let read = |rows: &[(&str, u64)]| {
            let row = |(name, bytes): &(&str, u64)| {
                format!("{name}: {bytes} 0 0 0 0 0 0 0 {} 0 0 0 0 0 0 0\n", bytes / 2)
            };
            let text: String = rows.iter().map(row).collect();
            fs::write(root.path().join("proc/net/dev"), text).unwrap();
            let mut reading = Reading::default();
            let host = Host { settings: &settings, ..fixture(root.path()) };
            collect(&host, &mut reading).unwrap();
            reading
        };
        let (before, mut after) = (read(before), read(after));
        derive(COLLECTOR.metrics.iter().copied(), &before.values, &mut after.values, 1.0);
        super::super::follow(&mut after);
        ["network_received_rate", "network_sent_rate"].map(|name| after.values.get(name, None))
    }

    #[test]
    fn what_passes_a_bridge_a_bond_or_a_tunnel_counts_once() {
        let before = [("lo", 0), ("eth0", 0), ("vmbr0", 0), ("eth0.7", 0), ("veth1", 0)];
        let after = before.map(|(name, _)| (name, 1_000));
        assert_eq!(rates(&["eth0"], &before, &after), [Some(1_000.0), Some(500.0)]);
    }

    #[test]
    fn what_was_counted_by_an_interface_that_goes_is_not_missed() {
        let before = [("eth0", 0), ("veth1", 9_000), ("wg0", 9_000)];
        assert_eq!(rates(&["eth0"], &before, &[("eth0", 1_000)]), [Some(1_000.0), Some(500.0)]);
    }

    #[test]
    fn what_a_modem_carries_over_a_serial_line_counts_beside_idle_cards() {
        let before = [("eth0", 9), ("ppp0", 0)];
        assert_eq!(
            rates(&["eth0"], &before, &[("eth0", 9), ("ppp0", 100)]),
            [Some(100.0), Some(50.0)]
        );
        let over_ethernet = [("eth0", 1_009), ("ppp0", 980)];
        assert_eq!(rates(&["eth0"], &before, &over_ethernet), [Some(1_000.0), Some(500.0)]);
    }

    #[test]
    fn a_counter_that_fell_leaves_its_own_interface_out() {
        let before = [("eth0", 9_000), ("wlan0", 0)];
        let after = [("eth0", 10), ("wlan0", 1_000)];
        assert_eq!(rates(&["eth0", "wlan0"], &before, &after), [Some(1_000.0), Some(500.0)]);
        assert_eq!(rates(&["eth0"], &before, &after), [None, None]);
    }

    #[test]
    fn without_a_card_every_interface_but_lo_counts() {
        let (before, after) = ([("lo", 0), ("eth0", 0)], [("lo", 7_000), ("eth0", 1_000)]);
        assert_eq!(rates(&[], &before, &after), [Some(1_000.0), Some(500.0)]);
    }
}
