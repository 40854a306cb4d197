//! The only room that prints: text and aligned tables for people, JSON for programs.
//!
//! Colours are for a terminal, and never where `NO_COLOR` is set. What uploaders and plugins have written is shown with
//! its control characters spelled out, so that it cannot speak to the terminal.

use std::borrow::Cow;
use std::io::{self, IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

use serde::Serialize;
use unicode_width::UnicodeWidthStr as _;

use crate::config::Surroundings;

/// How a text is coloured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Tone {
    #[default]
    Plain,
    Good,
    Doubtful,
    Bad,
    Faint,
    Strong,
}

impl Tone {
    /// The number that a terminal knows it by.
    const fn code(self) -> &'static str {
        match self {
            Self::Plain => "0",
            Self::Good => "32",
            Self::Doubtful => "33",
            Self::Bad => "31",
            Self::Faint => "2",
            Self::Strong => "1",
        }
    }
}

/// Writes to standard output, in the form that was asked for.
#[derive(Clone)]
pub(super) struct Printer {
    /// Whether JSON was asked for.
    pub(super) json: bool,
    coloured: bool,
    lively: bool,
}

impl Printer {
    pub(super) fn new(json: bool, surroundings: &Surroundings) -> Self {
        let dumb = surroundings.variable("TERM").is_some_and(|terminal| terminal == "dumb");
        Self {
            json,
            coloured: io::stdout().is_terminal() && surroundings.variable("NO_COLOR").is_none() && !dumb,
            lively: io::stderr().is_terminal() && !dumb,
        }
    }

    /// One JSON document.
    pub(super) fn document(&self, value: &impl Serialize) -> io::Result<()> {
        let mut out = io::stdout().lock();
        serde_json::to_writer_pretty(&mut out, value)?;
        writeln!(out)
    }

    /// One line of JSON, where one follows another while the work goes on.
    pub(super) fn line(&self, value: &impl Serialize) -> io::Result<()> {
        let mut out = io::stdout().lock();
        serde_json::to_writer(&mut out, value)?;
        writeln!(out)?;
        out.flush()
    }

    /// Whether somebody watches, on a terminal.
    pub(super) fn watched(&self) -> bool {
        self.lively && !self.json
    }

    /// One line, or several, as they are.
    pub(super) fn text(&self, text: &str) -> io::Result<()> {
        writeln!(io::stdout().lock(), "{}", plain(text))
    }

    /// A text in a tone, to be part of a line that [`Printer::raw`] prints.
    pub(super) fn toned(&self, text: &str, tone: Tone) -> String {
        paint(&plain(text), tone, self.coloured)
    }

    /// A line made of toned parts.
    pub(super) fn raw(&self, line: &str) -> io::Result<()> {
        writeln!(io::stdout().lock(), "{line}")
    }

    /// An aligned table.
    pub(super) fn table(&self, table: &Table) -> io::Result<()> {
        io::stdout().lock().write_all(table.render(self.coloured).as_bytes())
    }

    /// A remark beside the output, for people only.
    pub(super) fn remark(&self, text: &str) {
        if !self.json {
            complain(text);
        }
    }

    /// A line that shows how far long work has come; nothing where nobody watches.
    pub(super) fn progress(&self) -> Progress {
        Progress { shown: self.lively.then(Instant::now), width: 0 }
    }
}

/// A line on standard error, whatever form the output has.
pub(super) fn complain(text: &str) {
    // Where even this cannot be written, there is nobody left to tell.
    drop(writeln!(io::stderr().lock(), "{}", plain(text)));
}

/// A line that is written over and over.
pub(super) struct Progress {
    /// When it was last written; none where nobody watches.
    shown: Option<Instant>,
    width: usize,
}

impl Progress {
    /// Shows the text, unless it was shown a moment ago.
    pub(super) fn show(&mut self, text: impl FnOnce() -> String) {
        const PAUSE: Duration = Duration::from_millis(100);
        if self.shown.is_none_or(|shown| self.width > 0 && shown.elapsed() < PAUSE) {
            return;
        }
        let text = text();
        let width = text.width();
        drop(write!(io::stderr().lock(), "\r{text}{}", " ".repeat(self.width.saturating_sub(width))));
        self.width = width;
        self.shown = Some(Instant::now());
    }

    /// Takes the line away, so that something else can be printed.
    pub(super) fn clear(&mut self) {
        if self.width > 0 {
            drop(write!(io::stderr().lock(), "\r{}\r", " ".repeat(self.width)));
            self.width = 0;
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.clear();
    }
}

/// One field of a table.
#[derive(Clone, Debug, Default)]
pub(super) struct Cell {
    text: String,
    tone: Tone,
    number: bool,
}

impl Cell {
    /// A text, to the left.
    pub(super) fn text(text: impl Into<String>) -> Self {
        Self { text: text.into(), ..Self::default() }
    }

    /// A number, to the right.
    pub(super) fn number(number: impl ToString) -> Self {
        Self { text: number.to_string(), number: true, ..Self::default() }
    }

    /// In this tone.
    pub(super) fn tone(self, tone: Tone) -> Self {
        Self { tone, ..self }
    }
}

/// Rows under a heading.
pub(super) struct Table {
    heading: Vec<&'static str>,
    rows: Vec<Vec<Cell>>,
}

impl Table {
    /// An empty table; without any heading, the rows stand alone.
    pub(super) fn new(heading: &[&'static str]) -> Self {
        Self { heading: heading.to_vec(), rows: Vec::new() }
    }

    /// Adds a row.
    pub(super) fn row(&mut self, cells: impl Into<Vec<Cell>>) {
        self.rows.push(cells.into());
    }

    fn render(&self, coloured: bool) -> String {
        let heading: Vec<Cell> = self.heading.iter().map(|name| Cell::text(*name).tone(Tone::Faint)).collect();
        let rows: Vec<&Vec<Cell>> = std::iter::once(&heading).chain(&self.rows).filter(|row| !row.is_empty()).collect();
        let columns = rows.iter().map(|row| row.len()).max().unwrap_or(0);
        let shown = |cell: &Cell| plain(&cell.text).replace(['\n', '\t'], " ");
        let widths: Vec<usize> = (0..columns)
            .map(|column| {
                rows.iter().filter_map(|row| row.get(column)).map(|cell| shown(cell).width()).max().unwrap_or(0)
            })
            .collect();
        let mut text = String::new();
        for row in &rows {
            let mut line = String::new();
            for (column, cell) in row.iter().enumerate() {
                let shown = shown(cell);
                let space = " ".repeat(widths[column].saturating_sub(shown.width()));
                // The heading of numbers stands over them.
                let right = self.rows.iter().filter_map(|row| row.get(column)).any(|cell| cell.number);
                let painted = paint(&shown, cell.tone, coloured);
                line.push_str(&if right { format!("{space}{painted}") } else { format!("{painted}{space}") });
                line.push_str("  ");
            }
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }
}

fn paint(text: &str, tone: Tone, coloured: bool) -> String {
    if coloured && tone != Tone::Plain && !text.is_empty() {
        format!("\x1b[{}m{text}\x1b[0m", tone.code())
    } else {
        text.to_owned()
    }
}

/// The text with control characters spelled out, but for line ends and tabs, and with those that turn the direction of
/// writing around.
pub(super) fn plain(text: &str) -> Cow<'_, str> {
    let harmless = |letter: char| {
        matches!(letter, '\n' | '\t')
            || !letter.is_control() && !matches!(letter, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    if text.chars().all(harmless) {
        return Cow::Borrowed(text);
    }
    let spelled = text.chars().flat_map(|letter| {
        let (kept, spelled) =
            if harmless(letter) { (Some(letter), None) } else { (None, Some(letter.escape_default())) };
        kept.into_iter().chain(spelled.into_iter().flatten())
    });
    Cow::Owned(spelled.collect())
}

/// A number of bytes, as people read it: `1.5 GiB`.
pub(super) fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let mut value = bytes as f64 / 1024.0;
    let mut units = UNITS.iter();
    let mut unit = units.next().unwrap_or(&"");
    for larger in units {
        // What would be rounded to 1024 is 1 of the next.
        if value < 1023.95 {
            break;
        }
        value /= 1024.0;
        unit = larger;
    }
    format!("{value:.1} {unit}")
}

/// A number of things: `1 file`, `2 files`.
pub(super) fn count(number: usize, thing: &str) -> String {
    if number == 1 { format!("1 {thing}") } else { format!("{number} {thing}s") }
}

/// A span of time, as people read it: `350 us`, `12.5 ms`, `3.2 s`, `2 min 5 s`, `3 h 10 min`.
pub(super) fn duration(span: Duration) -> String {
    let micros = span.as_micros();
    match span.as_secs() {
        0 if micros < 1_000 => format!("{micros} us"),
        0 => format!("{:.1} ms", span.as_secs_f64() * 1e3),
        seconds if seconds < 60 => format!("{:.1} s", span.as_secs_f64()),
        seconds if seconds < 3_600 => format!("{} min {} s", seconds / 60, seconds % 60),
        seconds => format!("{} h {} min", seconds / 3_600, seconds % 3_600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell_on_the_screen() {
        let mut table = Table::new(&["JOB", "PROJECT", "FILES"]);
        table.row([Cell::text("1"), Cell::text("測定"), Cell::number(7)]);
        table.row([Cell::text("23"), Cell::text("1234a"), Cell::number(1000)]);
        assert_eq!(table.render(false), "JOB  PROJECT  FILES\n1    測定         7\n23   1234a     1000\n");
    }

    #[test]
    fn colours_change_no_width() {
        let mut table = Table::new(&[]);
        table.row([Cell::text("a").tone(Tone::Bad), Cell::text("b")]);
        assert_eq!(table.render(true), "\x1b[31ma\x1b[0m  b\n");
    }

    #[test]
    fn nothing_that_is_shown_speaks_to_the_terminal() {
        assert_eq!(plain("a\x1b[2Jb\r\u{202e}c\nd"), "a\\u{1b}[2Jb\\r\\u{202e}c\nd");
        let mut table = Table::new(&[]);
        table.row([Cell::text("one\ntwo\x07")]);
        assert_eq!(table.render(false), "one two\\u{7}\n");
    }

    #[test]
    fn sizes_and_spans_are_short() {
        assert_eq!(bytes(0), "0 B");
        assert_eq!(bytes(1536), "1.5 KiB");
        assert_eq!(bytes((1 << 20) - 1), "1.0 MiB");
        assert_eq!(bytes(u64::MAX), "16.0 EiB");
        assert_eq!(duration(Duration::from_micros(350)), "350 us");
        assert_eq!(duration(Duration::from_micros(12_500)), "12.5 ms");
        assert_eq!(duration(Duration::from_secs(125)), "2 min 5 s");
        assert_eq!(duration(Duration::from_secs(11_400)), "3 h 10 min");
    }
}
