use super::Axis;

type Point = (f64, f64);

/// The pieces of a line within the axes, cut at the edges, in the coordinates of the axes.
pub fn pieces(points: &[Point], x: &Axis, y: &Axis) -> Vec<Vec<Point>> {
    let mut pieces: Vec<Vec<Point>> = Vec::new();
    for pair in points.windows(2) {
        let Some((from, to)) = segment(pair[0], pair[1], x, y) else {
            continue;
        };
        match pieces.last_mut() {
            Some(piece) if piece.last() == Some(&from) => piece.push(to),
            _ => pieces.push(vec![from, to]),
        }
    }
    pieces
}

pub fn is_within((px, py): Point, x: &Axis, y: &Axis) -> bool {
    (x.low..=x.high).contains(&px) && (y.low..=y.high).contains(&py)
}

/// Liang and Barsky: the part of a segment inside a rectangle.
fn segment(from: Point, to: Point, x: &Axis, y: &Axis) -> Option<(Point, Point)> {
    let (dx, dy) = (to.0 - from.0, to.1 - from.1);
    let edges = [
        (-dx, from.0 - x.low),
        (dx, x.high - from.0),
        (-dy, from.1 - y.low),
        (dy, y.high - from.1),
    ];
    let (mut enter, mut leave) = (0.0f64, 1.0f64);
    for (slope, room) in edges {
        if slope == 0.0 && room < 0.0 {
            return None;
        } else if slope < 0.0 {
            enter = enter.max(room / slope);
        } else if slope > 0.0 {
            leave = leave.min(room / slope);
        }
    }
    let at = |share: f64| (from.0 + share * dx, from.1 + share * dy);
    // the exact end points, so that pieces join
    let start = if enter == 0.0 { from } else { at(enter) };
    let end = if leave == 1.0 { to } else { at(leave) };
    (enter <= leave).then_some((start, end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_cut_at_the_edges_and_nowhere_else() {
        let (x, y) = (Axis::between("x", 0.0, 10.0), Axis::between("y", 0.0, 1.0));
        let inside = vec![(1.0, 0.2), (2.0, 0.9), (3.0, 0.4)];
        assert_eq!(pieces(&inside, &x, &y), std::slice::from_ref(&inside));
        let peak = [(1.0, 0.0), (2.0, 2.0), (3.0, 0.0)];
        let cut = [vec![(1.0, 0.0), (1.5, 1.0)], vec![(2.5, 1.0), (3.0, 0.0)]];
        assert_eq!(pieces(&peak, &x, &y), cut);
        assert!(pieces(&[(1.0, 2.0), (9.0, 3.0)], &x, &y).is_empty());
        assert!(pieces(&[(-5.0, 0.5), (-1.0, 0.5)], &x, &y).is_empty());
    }
}
