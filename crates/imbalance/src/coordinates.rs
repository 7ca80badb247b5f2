//! Where rows lie: the features that neighbours are found by.

use mlsys_core::{Columns, Dataset, Error, ErrorKind, Kind, Result, Role, Train};
use mlsys_neighbors::{Metric, NeighborIndex, PointReader, Points};

/// The features that neighbours are found by, and the rows as points.
pub(crate) struct Coordinates {
    pub names: Vec<String>,
    pub points: Points,
}

impl Coordinates {
    pub fn new(
        train: &Dataset<Train>,
        estimator: &str,
        columns: Option<&Columns>,
        metric: Metric,
    ) -> Result<Self> {
        match metric {
            Metric::Gower | Metric::Heom | Metric::Hvdm | Metric::SmoteNc => {
                let accepts = |kind: Kind| kind.is_number() || is_category(kind);
                Self::of_kinds(train, estimator, columns, accepts, "a number, text or boolean")
            }
            _ => Self::of_kinds(train, estimator, columns, Kind::is_number, "a number"),
        }
    }

    /// Text and booleans alone.
    pub fn categories(train: &Dataset<Train>, estimator: &str, columns: Option<&Columns>) -> Result<Self> {
        Self::of_kinds(train, estimator, columns, is_category, "text or boolean")
    }

    fn of_kinds(
        train: &Dataset<Train>,
        estimator: &str,
        columns: Option<&Columns>,
        accepts: impl Fn(Kind) -> bool + Copy,
        expected: &str,
    ) -> Result<Self> {
        let mut names = match columns {
            Some(columns) => {
                let chosen = train.on(columns.clone())?;
                chosen.layout().features_for(estimator, accepts, accepts, expected)?
            }
            // Who a row belongs to, and when it was, are not what it is like.
            None => {
                let mut names = train.layout().features_for(estimator, accepts, accepts, expected)?;
                names.retain(|name| train.roles().of(name) == Role::Feature);
                names
            }
        };
        if names.is_empty() {
            let hint = "name the columns to find neighbours by".into();
            return Err(ErrorKind::MissingRole { role: "feature", needed_by: estimator.into(), hint }.into());
        }
        // Distances are sums over columns, whose order in the table must not matter.
        names.sort_unstable();
        let reader = PointReader::mixed(train.layout(), train.batch(), &names)?;
        Ok(Self { points: reader.points(train.batch())?, names })
    }
}

fn is_category(kind: Kind) -> bool {
    matches!(kind, Kind::Text | Kind::Boolean)
}

/// An index of points that have classes.
pub(crate) fn index(points: &Points, metric: Metric, classes: &[u32]) -> Result<NeighborIndex> {
    match metric {
        Metric::Hvdm => NeighborIndex::labelled(points, metric, classes),
        _ => NeighborIndex::new(points, metric),
    }
}

/// Refuses the metric that is of one class.
pub(crate) fn check_metric(estimator: &str, metric: Metric) -> Result<()> {
    match metric {
        Metric::SmoteNc => {
            let expected = "any other metric: this one is of the rows of one class";
            Err(Error::invalid_parameter(estimator, "metric", "SmoteNc", expected))
        }
        _ => Ok(()),
    }
}

/// Refuses to look for none.
pub(crate) fn check_k(estimator: &str, name: &str, k: usize) -> Result<()> {
    match k {
        0 => Err(Error::invalid_parameter(estimator, name, 0, "1 or more")),
        _ => Ok(()),
    }
}
