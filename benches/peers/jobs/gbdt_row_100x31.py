"""As `gbdt_row`, of synthetic rows: 100 trees with 31 leaves over 28 features."""

from jobs import RowByRow, one_million


class LightGbm(RowByRow):
    model = "synthetic_100x31.txt"

    def matrix(self, directory):
        return one_million(directory)[1].iloc[:, :28].to_numpy()


PEERS = {"lightgbm": LightGbm}
EQUAL = dict(rtol=1e-12, atol=1e-9)
TARGET = {"lightgbm": 3.33}
