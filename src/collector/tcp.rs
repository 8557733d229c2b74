//! Sockets and how TCP fares, from `/proc/net/snmp`, `/proc/net/netstat` and `/proc/net/sockstat` (`proc_pid_net(5)`,
//! RFC 4022 for the names).

use super::{Collector, Host, Reading};
use crate::metric::Derived::Each;
use crate::metric::{Judged, Metric, Unit};

static ESTABLISHED: Metric =
    Metric::gauge("tcp_established", Unit::Count, "TCP connections that are open.")
        .phrased("{value} TCP connections");
static TIME_WAIT: Metric = Metric::gauge(
    "tcp_time_wait",
    Unit::Count,
    "TCP connections that are over and wait for late packets.",
)
.phrased("{value} TCP connections in TIME_WAIT");
static SOCKETS: Metric = Metric::gauge("sockets", Unit::Count, "Sockets of all kinds in use.")
    .phrased("{value} sockets");
static SENT: Metric =
    Metric::counter("tcp_sent", Unit::Count, &[], "TCP segments sent since boot, new ones only.")
        .apart();
static RETRANSMITTED_PERCENT: Metric = Metric::rate(
    "tcp_retransmitted_percent",
    Unit::Percent,
    "TCP segments sent again, in per cent of those sent.",
)
.phrased("{value} of TCP segments sent again");
static RETRANSMITTED: Metric = Metric::counter(
    "tcp_retransmitted",
    Unit::Count,
    &[Each(&RETRANSMITTED_PERCENT, &SENT, 100.0)],
    "TCP segments sent again since boot.",
)
.apart();
static OVERFLOWS: Metric = Metric::counter(
    "tcp_listen_overflows",
    Unit::Count,
    &[],
    "TCP connections since boot that a program was too slow to accept.",
)
.phrased("{value} TCP connections not accepted in time")
.judged(&[Judged::warning(2.0).within(600.0)]);

pub static COLLECTOR: Collector = Collector::new(
    "tcp",
    &[
        &ESTABLISHED,
        &TIME_WAIT,
        &SOCKETS,
        &SENT,
        &RETRANSMITTED,
        &RETRANSMITTED_PERCENT,
        &OVERFLOWS,
    ],
    collect,
);

fn collect(host: &Host<'_>, reading: &mut Reading) -> anyhow::Result<()> {
    let [snmp, netstat, sockstat] =
        ["snmp", "netstat", "sockstat"].map(|file| host.read_if_there(&format!("proc/net/{file}")));
    let content = |file| Result::as_ref(file).map_or(&[][..], Vec::as_slice);
    let (columns, more_columns, words) = (content(&snmp), content(&netstat), content(&sockstat));
    let found = [
        (&ESTABLISHED, in_columns(columns, "Tcp:", "CurrEstab")),
        (&SENT, in_columns(columns, "Tcp:", "OutSegs")),
        (&RETRANSMITTED, in_columns(columns, "Tcp:", "RetransSegs")),
        (&OVERFLOWS, in_columns(more_columns, "TcpExt:", "ListenOverflows")),
        (&SOCKETS, after_name(words, "sockets:", "used")),
        (&TIME_WAIT, after_name(words, "TCP:", "tw")),
    ];
    for (metric, value) in found {
        if let Some(value) = value {
            reading.values.set(metric, value);
        }
    }
    [snmp, netstat, sockstat].into_iter().find_map(Result::err).map_or(Ok(()), Err)
}

fn lines<'a>(content: &'a [u8], begin: &'a str) -> impl Iterator<Item = &'a str> {
    content
        .split(|byte| *byte == b'\n')
        .filter_map(move |line| std::str::from_utf8(line.strip_prefix(begin.as_bytes())?).ok())
}

/// A line of names, and below it one of numbers.
fn in_columns(content: &[u8], begin: &str, name: &str) -> Option<u64> {
    let mut lines = lines(content, begin);
    let (names, numbers) = (lines.next()?, lines.next()?);
    let mut pairs = names.split_ascii_whitespace().zip(numbers.split_ascii_whitespace());
    pairs.find(|(known, _)| *known == name)?.1.parse().ok()
}

/// `name number name number` in one line.
fn after_name(content: &[u8], begin: &str, name: &str) -> Option<u64> {
    let mut words = lines(content, begin).next()?.split_ascii_whitespace();
    words.find(|word| *word == name)?;
    words.next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SNMP: &[u8] = b"Ip: Forwarding\nIp: 1\nTcp: RtoAlgorithm MaxConn CurrEstab OutSegs RetransSegs\nTcp: 1 -1 12 3456 7\n";

    #[test]
    fn numbers_stand_below_their_names() {
        assert_eq!(in_columns(SNMP, "Tcp:", "CurrEstab"), Some(12));
        assert_eq!(in_columns(SNMP, "Tcp:", "RetransSegs"), Some(7));
        assert_eq!(in_columns(SNMP, "Tcp:", "MaxConn"), None);
        assert_eq!(in_columns(b"Tcp: A B\nTcp: 1\n", "Tcp:", "B"), None);
    }

    #[test]
    fn sockets_are_counted_after_their_names() {
        let sockstat = b"sockets: used 290\nTCP: inuse 5 orphan 0 tw 3 alloc 9 mem 1\n";
        assert_eq!(after_name(sockstat, "sockets:", "used"), Some(290));
        assert_eq!(after_name(sockstat, "TCP:", "tw"), Some(3));
        assert_eq!(after_name(sockstat, "UDP:", "inuse"), None);
    }
}
