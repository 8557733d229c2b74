//! Lines of `/proc/diskstats` (kernel: admin-guide/iostats), and where what a drive did is counted on its paths.

pub(super) struct Device<'a> {
    pub name: &'a str,
    pub reads: u64,
    pub sectors_read: u64,
    pub milliseconds_reading: u64,
    pub writes: u64,
    pub sectors_written: u64,
    pub milliseconds_writing: u64,
    pub milliseconds_busy: u64,
}

impl Device<'_> {
    pub(super) fn was_used(&self) -> bool {
        self.reads > 0 || self.writes > 0
    }

    fn add(&mut self, other: &Device<'_>) {
        for (number, more) in [
            (&mut self.reads, other.reads),
            (&mut self.sectors_read, other.sectors_read),
            (&mut self.milliseconds_reading, other.milliseconds_reading),
            (&mut self.writes, other.writes),
            (&mut self.sectors_written, other.sectors_written),
            (&mut self.milliseconds_writing, other.milliseconds_writing),
            (&mut self.milliseconds_busy, other.milliseconds_busy),
        ] {
            *number = number.saturating_add(more);
        }
    }
}

/// The name and what follows it, behind the numbers of the device.
pub(super) fn fields(line: &str) -> impl Iterator<Item = &str> {
    line.split_ascii_whitespace().skip(2)
}

/// `major minor name reads merged sectors ms writes merged sectors ms in-flight busy …`.
pub(super) fn parse(line: &str) -> Option<Device<'_>> {
    let mut fields = fields(line);
    let name = fields.next()?;
    let mut number = |skipped: usize| fields.nth(skipped)?.parse().ok();
    Some(Device {
        name,
        reads: number(0)?,
        sectors_read: number(1)?,
        milliseconds_reading: number(0)?,
        writes: number(0)?,
        sectors_written: number(1)?,
        milliseconds_writing: number(0)?,
        milliseconds_busy: number(1)?,
    })
}

/// From Linux 4.15 to 6.3 a drive that may have several paths counts nothing itself.
pub(super) fn add_paths(device: &mut Device<'_>, text: &str) {
    let Some((subsystem, namespace)) = device.name.rsplit_once('n') else { return };
    if !subsystem.starts_with("nvme") {
        return;
    }
    for line in text.lines() {
        let path = fields(line).next().filter(|name| is_path(name, subsystem, namespace));
        if let Some(path) = path.and_then(|_| parse(line)) {
            device.add(&path);
        }
    }
}

/// Of `nvme0n1`: `nvme0c0n1`, `nvme0c1n1`, one for each controller.
fn is_path(name: &str, subsystem: &str, namespace: &str) -> bool {
    let path = name.strip_prefix(subsystem).and_then(|rest| rest.strip_prefix('c'));
    path.and_then(|path| path.split_once('n')).is_some_and(|(_, rest)| rest == namespace)
}
