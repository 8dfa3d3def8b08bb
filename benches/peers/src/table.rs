//! Markdown.

use std::fmt::Write as _;

use crate::contenders::DIRECT;
use crate::report::{Report, Row};
use crate::throughput::Throughput;

/// Everything that was measured: the line that says where, the rows, and the throughput if it was asked for.
pub(crate) fn page(report: &Report) -> String {
    let mut page = format!("{}\n\n{}\n", report.heading(), rows(&report.rows));
    if let Some(measured) = &report.throughput {
        page += &format!("{}\n", throughput(measured));
    }
    page
}

/// The table of all rows. Times are in microseconds.
fn rows(rows: &[Row]) -> String {
    let mut text = format!(
        "| operation | contender | session | n | min (us) | median (us) | p95 (us) | ratio to whfb `{DIRECT}` |\n\
         |---|---|---|--:|--:|--:|--:|--:|\n"
    );
    for row in rows {
        let Row { op, contender, session, n, .. } = row;
        let [min, median, p95] = [row.min_us, row.median_us, row.p95_us].map(micros);
        let ratio = row.ratio.map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.2}"));
        let _infallible =
            writeln!(text, "| {op} | {contender} | {session} | {n} | {min} | {median} | {p95} | {ratio} |");
    }
    text
}

/// Tenths where they mean something.
fn micros(time: Option<f64>) -> String {
    match time {
        None => "-".to_owned(),
        Some(time) if time < 100.0 => format!("{time:.1}"),
        Some(time) => format!("{time:.0}"),
    }
}

fn throughput(throughput: &Throughput) -> String {
    let Throughput { one_per_s, two_per_s, ratio } = throughput;
    format!(
        "| clients, each with an swtpm of its own | P-256 signatures a second | ratio |\n|---|--:|--:|\n\
         | one | {one_per_s:.0} | 1.00 |\n| two | {two_per_s:.0} | {ratio:.2} |\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_nothing_about_times_that_were_not_taken() {
        assert_eq!(micros(None), "-");
        assert_eq!(micros(Some(15.84)), "15.8");
        assert_eq!(micros(Some(2154.4)), "2154");
    }
}
