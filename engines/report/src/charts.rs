//! Charts: values in, SVG out.
//!
//! A chart is drawn in two widths, for a desk and for a phone: the text of an SVG that is only scaled down is too small to
//! read. Colours are placeholders that the page's style replaces, so that they follow its light and dark themes.

use crate::text::compact;
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

/// Text and values.
const INK: RGBColor = RGBColor(0x1A, 0x1A, 0x1A);
/// Axes.
const MUTED: RGBColor = RGBColor(0x6E, 0x6E, 0x6E);
/// Lines of the grid.
const GRID: RGBColor = RGBColor(0xD9, 0xD9, 0xD9);
/// The series.
const FIRST: RGBColor = RGBColor(0x2F, 0x6F, 0xDE);
/// The line over it.
const SECOND: RGBColor = RGBColor(0xE0, 0x7A, 0x1F);

/// Width of a chart at a desk, in pixels.
const WIDE: u32 = 860;
/// Width of a chart on a phone, in pixels.
const NARROW: u32 = 340;
/// Size of letters, in pixels before plotters takes a fifth off.
const LETTERS: i32 = 16;

/// Greatest width of a column, in pixels.
const WIDEST_COLUMN: i32 = 64;
/// Height of a bar with what is beside it, in pixels.
const ROW: i32 = 28;
/// Height of a line of text, in pixels.
const LINE: i32 = 17;
/// Approximate width of a letter, in pixels.
const LETTER_WIDTH: i32 = 8;

/// A chart cannot be drawn: an internal bug, or numbers that no scale holds.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot draw a chart: {0}")]
pub struct ChartError(String);

/// A chart of any kind.
#[derive(Debug, Clone, PartialEq)]
pub enum Chart {
    /// Upright columns.
    Columns(Columns),
    /// Horizontal bars.
    Bars(Bars),
    /// Coloured cells.
    HeatMap(HeatMap),
}

/// Upright columns along a scale, optionally with a line over them.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Columns {
    /// Below each column.
    pub labels: Vec<String>,
    /// Heights.
    pub values: Vec<f64>,
    /// As many as values, or none.
    pub line: Vec<f64>,
    /// Title of the horizontal axis.
    pub x: String,
    /// Title of the vertical axis.
    pub y: String,
}

/// Horizontal bars with names and numbers.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Bars {
    /// Left of each bar.
    pub names: Vec<String>,
    /// Lengths.
    pub values: Vec<f64>,
    /// Right of each bar.
    pub texts: Vec<String>,
}

/// Coloured cells.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct HeatMap {
    /// Above the columns.
    pub columns: Vec<String>,
    /// Left of the rows.
    pub rows: Vec<String>,
    /// By row and column: share of the strongest colour from 0 to 1, and the text in the cell.
    pub cells: Vec<Vec<Option<(f64, String)>>>,
    /// Title of the columns.
    pub x: String,
    /// Title of the rows.
    pub y: String,
}

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Drawn<'a> = Result<(), DrawingAreaErrorKind<<SVGBackend<'a> as DrawingBackend>::ErrorType>>;

impl Chart {
    /// The drawing for a desk.
    pub(crate) fn wide(&self) -> Result<String, ChartError> {
        self.svg(WIDE)
    }

    /// The drawing for a phone.
    pub(crate) fn narrow(&self) -> Result<String, ChartError> {
        self.svg(NARROW)
    }

    fn svg(&self, width: u32) -> Result<String, ChartError> {
        let height = match self {
            Self::Columns(_) if width > NARROW => 300,
            Self::Columns(_) => 240,
            Self::Bars(bars) => bars.height(width),
            Self::HeatMap(map) => 64 + 32 * map.rows.len() as u32,
        };
        let mut text = String::new();
        {
            let area = SVGBackend::with_string(&mut text, (width, height)).into_drawing_area();
            let drawn = match self {
                Self::Columns(columns) => columns.draw(&area, width),
                Self::Bars(bars) => bars.draw(&area, width),
                Self::HeatMap(map) => map.draw(&area, width),
            };
            drawn
                .and_then(|()| area.present())
                .map_err(|error| ChartError(error.to_string()))?;
        }
        // Inside a page, the element needs neither a size of its own nor a namespace.
        let inner = text.split_once('>').map_or("", |(_, inner)| inner);
        Ok(format!(
            "<svg viewBox=\"0 0 {width} {height}\" aria-hidden=\"true\">{inner}"
        ))
    }
}

fn letters(horizontal: HPos, vertical: VPos) -> TextStyle<'static> {
    ("sans-serif", LETTERS)
        .into_font()
        .color(&INK)
        .pos(Pos::new(horizontal, vertical))
}

impl Columns {
    fn draw<'a>(&self, area: &Area<'a>, width: u32) -> Drawn<'a> {
        if self.values.len() < 2 {
            return self.with_space().draw(area, width);
        }
        let all = self.values.iter().chain(&self.line).copied();
        let top = all.clone().fold(0.0, f64::max);
        let bottom = all.fold(0.0, f64::min);
        let top = if top > bottom { top } else { bottom + 1.0 };
        let count = i32::try_from(self.values.len()).unwrap_or(i32::MAX);
        let mut chart = ChartBuilder::on(area)
            .margin(6)
            .x_label_area_size(48)
            .y_label_area_size(if width > NARROW { 80 } else { 56 })
            .build_cartesian_2d((0..count - 1).into_segmented(), bottom..top * 1.05)?;
        let label = |value: &SegmentValue<i32>| match value {
            SegmentValue::CenterOf(index) | SegmentValue::Exact(index) => usize::try_from(*index)
                .ok()
                .and_then(|index| self.labels.get(index).cloned())
                .unwrap_or_default(),
            SegmentValue::Last => String::new(),
        };
        let style = ("sans-serif", LETTERS).into_font().color(&INK);
        chart
            .configure_mesh()
            .disable_x_mesh()
            .light_line_style(TRANSPARENT)
            .bold_line_style(GRID)
            .axis_style(MUTED)
            .label_style(style)
            .x_labels(if width > NARROW { 12 } else { 4 })
            .x_label_formatter(&label)
            .y_labels(5)
            .y_label_formatter(&|value| compact(*value))
            .x_desc(self.x.clone())
            .y_desc(self.y.clone())
            .draw()?;
        // A few columns would be as wide as walls.
        let slot = i32::try_from(chart.plotting_area().dim_in_pixel().0).unwrap_or(i32::MAX) / count.max(1);
        let inset = ((slot - WIDEST_COLUMN) / 2).max(i32::from(slot > 3)).unsigned_abs();
        chart.draw_series((0..count).zip(&self.values).map(|(index, value)| {
            let end = if index + 1 < count {
                SegmentValue::Exact(index + 1)
            } else {
                SegmentValue::Last
            };
            let corners = [(SegmentValue::Exact(index), 0.0), (end, *value)];
            let mut column = Rectangle::new(corners, FIRST.filled());
            column.set_margin(0, 0, inset, inset);
            column
        }))?;
        let line = (0..count).zip(&self.line);
        chart.draw_series(LineSeries::new(
            line.map(|(index, value)| (SegmentValue::CenterOf(index), *value)),
            SECOND.stroke_width(3),
        ))?;
        Ok(())
    }

    /// A scale of one value has no length: one column stands between two empty places.
    fn with_space(&self) -> Self {
        let first = self.values.first().copied().unwrap_or_default();
        let label = self.labels.first().cloned().unwrap_or_default();
        Self {
            labels: vec![String::new(), label, String::new()],
            values: vec![0.0, first, 0.0],
            line: Vec::new(),
            ..self.clone()
        }
    }
}

impl Bars {
    /// The lines of each name: names are never cut.
    fn lines(&self, width: u32) -> Vec<Vec<String>> {
        let most = if width > NARROW { 28 } else { 14 };
        self.names.iter().map(|name| wrapped(name, most)).collect()
    }

    /// Height of a bar with so many lines beside it, in pixels.
    fn row_height(lines: usize) -> i32 {
        i32::try_from(lines).map_or(ROW, |lines| ROW.max(LINE * lines + 10))
    }

    fn height(&self, width: u32) -> u32 {
        let rows = self.lines(width).into_iter().map(|lines| Self::row_height(lines.len()));
        8 + rows.sum::<i32>().unsigned_abs()
    }

    fn draw<'a>(&self, area: &Area<'a>, width: u32) -> Drawn<'a> {
        let lines = self.lines(width);
        let width = i32::try_from(width).unwrap_or(i32::MAX);
        let pixels = |texts: &mut dyn Iterator<Item = &String>| {
            let longest = texts.map(|text| text.chars().count()).max().unwrap_or_default();
            LETTER_WIDTH * i32::try_from(longest).unwrap_or_default() + 12
        };
        let names = pixels(&mut lines.iter().flatten());
        let texts = pixels(&mut self.texts.iter());
        let full = (width - names - texts).max(LETTER_WIDTH);
        let top = self.values.iter().copied().fold(0.0, f64::max);
        let mut y = 4;
        for (index, (value, lines)) in self.values.iter().zip(&lines).enumerate() {
            let height = Self::row_height(lines.len());
            let middle = y + height / 2 - 1;
            let share = if top > 0.0 { (value / top).max(0.0) } else { 0.0 };
            let length = (share * f64::from(full)) as i32;
            let above = LINE * (i32::try_from(lines.len()).unwrap_or(1) - 1) / 2;
            for (line, offset) in lines.iter().zip((0..).map(|line| LINE * line - above)) {
                let at = (names - 8, middle + offset);
                area.draw(&Text::new(line.clone(), at, letters(HPos::Right, VPos::Center)))?;
            }
            area.draw(&Rectangle::new(
                [(names, middle - 10), (names + length.max(1), middle + 10)],
                FIRST.filled(),
            ))?;
            area.draw(&Text::new(
                self.texts.get(index).cloned().unwrap_or_default(),
                (names + length + 6, middle),
                letters(HPos::Left, VPos::Center),
            ))?;
            y += height;
        }
        Ok(())
    }
}

impl HeatMap {
    fn draw<'a>(&self, area: &Area<'a>, width: u32) -> Drawn<'a> {
        let width = i32::try_from(width).unwrap_or(i32::MAX);
        let (left, above) = (84, 52);
        let columns = i32::try_from(self.columns.len().max(1)).unwrap_or(i32::MAX);
        let cell = ((width - left) / columns).min(90);
        area.draw(&Text::new(self.x.clone(), (left, 6), letters(HPos::Left, VPos::Top)))?;
        area.draw(&Text::new(
            self.y.clone(),
            (0, above - 22),
            letters(HPos::Left, VPos::Top),
        ))?;
        for (name, x) in self.columns.iter().zip((0..).map(|index| left + index * cell)) {
            let at = (x + cell / 2, above - 22);
            area.draw(&Text::new(name.clone(), at, letters(HPos::Center, VPos::Top)))?;
        }
        for ((name, cells), y) in self
            .rows
            .iter()
            .zip(&self.cells)
            .zip((0..).map(|index| above + index * 32))
        {
            area.draw(&Text::new(name.clone(), (0, y + 15), letters(HPos::Left, VPos::Center)))?;
            for (content, x) in cells.iter().zip((0..).map(|index| left + index * cell)) {
                let Some((strength, text)) = content else { continue };
                // Never as strong as to swallow what is written on it.
                let colour = FIRST.mix(0.08 + 0.52 * strength.clamp(0.0, 1.0)).filled();
                area.draw(&Rectangle::new([(x, y), (x + cell - 3, y + 29)], colour))?;
                let at = (x + cell / 2 - 1, y + 15);
                area.draw(&Text::new(text.clone(), at, letters(HPos::Center, VPos::Center)))?;
            }
        }
        Ok(())
    }
}

/// A text in lines of at most `most` letters, broken between words where that is possible.
fn wrapped(text: &str, most: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let letters: Vec<char> = word.chars().collect();
        for part in letters.chunks(most) {
            let part: String = part.iter().collect();
            match lines.last_mut() {
                Some(line) if line.is_empty() => *line = part,
                Some(line) if line.chars().count() + 1 + part.chars().count() <= most => {
                    line.push(' ');
                    line.push_str(&part);
                }
                _ => lines.push(part),
            }
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_and_long_names_stay_texts() {
        let bars = Chart::Bars(Bars {
            names: vec![
                "<script>x</script>".to_owned(),
                "a very long name of a merchant indeed".to_owned(),
            ],
            values: vec![2.0, -1.0],
            texts: vec!["2".to_owned(), "-1".to_owned()],
        });
        for svg in [bars.wide().unwrap(), bars.narrow().unwrap()] {
            assert!(
                svg.starts_with("<svg viewBox=") && svg.trim_end().ends_with("</svg>"),
                "{svg}"
            );
            assert!(!svg.contains("<script"), "{svg}");
            assert!(!svg.contains("http"), "{svg}");
            assert!(
                svg.contains("merchant") && svg.contains("indeed") && !svg.contains('…'),
                "{svg}"
            );
        }
    }

    #[test]
    fn names_are_broken_into_lines() {
        for (name, lines) in [
            ("short", &["short"][..]),
            ("", &[""]),
            ("a b c d e f", &["a b c", "d e f"]),
            ("abcdefghijkl", &["abcde", "fghij", "kl"]),
            ("to abcdefg", &["to", "abcde", "fg"]),
        ] {
            assert_eq!(wrapped(name, 5), lines, "{name}");
        }
    }

    #[test]
    fn charts_of_nothing_of_one_value_and_of_losses_can_be_drawn() {
        for values in [vec![], vec![0.0], vec![-5.0], vec![1.0; 400]] {
            let columns = Columns {
                labels: values.iter().map(ToString::to_string).collect(),
                line: values.clone(),
                values,
                x: "x".to_owned(),
                y: "y".to_owned(),
            };
            let svg = Chart::Columns(columns).narrow().unwrap();
            for wrong in ["NaN", "inf", "width=\"-", "height=\"-"] {
                assert!(!svg.contains(wrong), "{svg}");
            }
        }
        Chart::HeatMap(HeatMap::default()).wide().unwrap();
    }
}
