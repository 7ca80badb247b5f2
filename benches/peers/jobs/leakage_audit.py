"""deepchecks' checks for leakage on the flights that arrived: 244,737 before October 2013 to learn from, 82,609 later ones to test with. The target
is `late`, the date `time_hour`, and all other columns are features, the five that are known only afterwards too.

Timed are the two datasets and all checks, without pictures, in one context as in a suite. All is as it is by default, the conditions too, but for a
seed where none is set. Hence predictive power scores see 5,000 of 100,000 rows, drift at most 100,000 of either part, and the classifier of
parts 10,000; the other checks see all rows. The table has no index, so that IndexTrainTestLeakage has nothing to check.

Threads that wait sleep: the classifier's are called so often that with libgomp's default, which spins, it would take several times as long.
Compared are counts of rows, which both sides have of all rows; of times they count other things, and nothing is out of order here. TrainTestSamplesMix compares features and target, DataDuplicates all columns.
"""

import os
import time
import warnings

os.environ |= {"OMP_WAIT_POLICY": "PASSIVE", "DEEPCHECKS_DISABLE_LATEST": "true"}
warnings.simplefilter("ignore")

import deepchecks  # noqa: E402
import pandas as pd  # noqa: E402
from deepchecks.core import DatasetKind  # noqa: E402
from deepchecks.tabular import Context, Dataset, SingleDatasetCheck, checks  # noqa: E402

TEXTS = ["carrier", "dest", "engine", "manufacturer", "origin", "plane_type", "tailnum"]


def audit():
    """The checks, with the conditions that deepchecks' suites give them."""
    return [
        checks.TrainTestSamplesMix().add_condition_duplicates_ratio_less_or_equal(),
        checks.DateTrainTestLeakageDuplicates().add_condition_leakage_ratio_less_or_equal(),
        checks.DateTrainTestLeakageOverlap().add_condition_leakage_ratio_less_or_equal(),
        checks.NewCategoryTrainTest().add_condition_new_category_ratio_less_or_equal(),
        checks.NewLabelTrainTest().add_condition_new_labels_number_less_or_equal(),
        checks.DataDuplicates().add_condition_ratio_less_or_equal(),
        checks.ConflictingLabels().add_condition_ratio_of_conflicting_labels_less_or_equal(),
        checks.FeatureLabelCorrelation(random_state=42).add_condition_feature_pps_less_than(),
        checks.FeatureLabelCorrelationChange(random_state=42)
        .add_condition_feature_pps_difference_less_than().add_condition_feature_pps_in_train_less_than(),
        checks.IdentifierLabelCorrelation().add_condition_pps_less_or_equal(),
        checks.FeatureDrift().add_condition_drift_score_less_than(),
        checks.LabelDrift().add_condition_drift_score_less_than(),
        checks.MultivariateDrift().add_condition_overall_drift_value_less_than(),
    ]


class Deepchecks:
    version = deepchecks.__version__

    def load(self, directory):
        flights = pd.read_parquet(directory / "flights.parquet")
        earlier = flights.time_hour < pd.Timestamp("2013-10-01", tz="America/New_York")
        self.parts = flights[earlier], flights[~earlier]
        return len(flights)

    def run(self):
        self.figures, clock = {}, time.perf_counter()

        def lap(name):
            nonlocal clock
            clock, before = time.perf_counter(), clock
            self.figures[f"{name}_s"] = clock - before

        train, test = (Dataset(part, label="late", datetime_name="time_hour", cat_features=TEXTS) for part in self.parts)
        context = Context(train, test, with_display=False)
        lap("Dataset")
        found = {}
        for check in audit():
            kind = [DatasetKind.TRAIN] if isinstance(check, SingleDatasetCheck) else []
            result = check.run_logic(context, *kind)
            context.finalize_check_result(result, check, *kind)
            found[type(check).__name__] = result
            lap(type(check).__name__)
        return found

    def outcome(self):
        rows, test_rows = (len(part) for part in self.parts)
        value = {name: result.value for name, result in self.output.items()}
        counts = {
            "test rows among training rows": value["TrainTestSamplesMix"]["ratio"] * test_rows,
            "test rows of new classes": value["NewLabelTrainTest"]["n_new_labels_samples"],
            "repeated training rows": value["DataDuplicates"] * rows,
            "training rows with conflicting labels": value["ConflictingLabels"]["percent_of_conflicting_samples"] * rows,
        }
        new = value["NewCategoryTrainTest"]
        for name in TEXTS:
            counts[f"new categories of {name}"] = new.loc[name, "# New Categories"]
            counts[f"test rows of new categories of {name}"] = new.loc[name, "Ratio of New Categories"] * test_rows
        return {name: round(count) for name, count in counts.items()}, None


PEERS = {"deepchecks": Deepchecks}
ENVIRONMENT = "deepchecks"
EQUAL = dict(rtol=0.0, atol=0.0)
TARGET = {"deepchecks": 10.0}
